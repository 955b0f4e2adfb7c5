"""Each statistic is its formula, agrees with SciPy's where SciPy has it, and stays calm where nothing moved."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from lib.monitoring.chi2 import chi2
from lib.monitoring.detector import benjamini_hochberg
from lib.monitoring.ks import ks
from lib.monitoring.psi import bin_counts, psi, quantile_edges
from lib.monitoring.sample import POINTS, numbers
from lib.monitoring.wasserstein import wasserstein

RANDOM = np.random.default_rng(0)


@pytest.mark.parametrize("draw", ["normal", "whole"])
def test_ks_agrees_with_scipy(draw):
    """Statistic and p-value are those of `ks_2samp`'s asymptotic method, with and without ties."""
    first, second = RANDOM.normal(size=700), RANDOM.normal(0.2, size=300)
    if draw == "whole":
        first, second = np.rint(first), np.rint(second)
    ours, theirs = ks(numbers(first), numbers(second)), stats.ks_2samp(first, second, method="asymp")
    assert ours == (pytest.approx(theirs.statistic, abs=1e-12), pytest.approx(theirs.pvalue, rel=1e-9))


def test_many_numbers_are_thinned_and_the_statistics_stay():
    """Of a large column only quantiles are kept; KS and Wasserstein differ by what that costs, and no more."""
    first, second = RANDOM.lognormal(size=200_000), RANDOM.lognormal(0.05, size=150_000)
    thin, other = numbers(first), numbers(second)
    assert (len(thin.values), thin.rows) == (POINTS, 200_000)
    exact = stats.ks_2samp(first, second, method="asymp").statistic
    assert ks(thin, other)[0] == pytest.approx(exact, abs=2 / POINTS)
    distance = stats.wasserstein_distance(first, second) / first.std()
    assert wasserstein(thin, other) == pytest.approx(distance, rel=0.1)


def test_ks_of_many_rows_is_nearly_scipy_s():
    """Beyond 10,000 rows the distribution is the limit, and next to nothing apart from the exact one."""
    first, second = RANDOM.normal(size=40_000), RANDOM.normal(0.01, size=40_000)
    theirs = stats.ks_2samp(first, second, method="asymp")
    assert ks(numbers(first), numbers(second))[1] == pytest.approx(theirs.pvalue, rel=0.15)


def test_ks_p_values_of_equal_distributions_are_honest():
    """Without drift, a p-value below 0.05 comes in about 5 % of the windows."""
    reference = numbers(RANDOM.normal(size=3_000))
    found = [ks(reference, numbers(RANDOM.normal(size=200)))[1] for _ in range(400)]
    assert 0.02 < np.mean(np.array(found) < 0.05) < 0.09


def test_psi_by_hand():
    """Two bins, worked with a pencil: half a row is added to each."""
    reference, window = np.array([99, 99]), np.array([149, 49])
    by_hand = (149.5 - 99.5) / 199 * np.log(149.5 / 99.5) + (49.5 - 99.5) / 199 * np.log(49.5 / 99.5)
    assert psi(reference, window) == pytest.approx(by_hand)


def test_psi_of_an_empty_bin_is_finite_and_of_none_zero():
    """A category that vanished is a number, and a bin that nobody ever had is no difference."""
    assert 0.5 < psi(np.array([50, 50, 0]), np.array([100, 0, 0])) < 20
    assert psi(np.array([50, 50, 0]), np.array([50, 50, 0])) == 0.0


def test_psi_without_drift_is_what_the_docstring_says():
    """(B − 1)(1/R + 1/W) is the mean of the index when both sides are draws of one distribution."""
    shares = np.full(10, 0.1)
    found = [psi(RANDOM.multinomial(5_000, shares), RANDOM.multinomial(100, shares)) for _ in range(600)]
    assert np.mean(found) == pytest.approx(9 * (1 / 5_000 + 1 / 100), rel=0.12)


def test_quantile_bins_see_what_equal_widths_miss():
    """The median of a lognormal column doubles: almost all of it stays in the first of ten equal widths."""
    before, after = RANDOM.lognormal(0, 2.5, 20_000), 2 * RANDOM.lognormal(0, 2.5, 20_000)
    sample = numbers(before)
    edges = quantile_edges(sample)
    ours = psi(bin_counts(sample, edges), bin_counts(numbers(after), edges))
    widths = np.histogram_bin_edges(np.concatenate([before, after]), 10)
    assert ours > 0.07
    assert psi(np.histogram(before, widths)[0], np.histogram(after, widths)[0]) < 0.02


def test_bins_of_equal_values_are_one():
    """A column of few values has few bins, each with all its rows; missing rows are counted last."""
    sample = numbers([1.0] * 50 + [2.0] * 30 + [3.0] * 20 + [np.nan] * 5)
    edges = quantile_edges(sample)
    assert edges.tolist() == [2.0, 3.0]
    assert bin_counts(sample, edges).tolist() == [50, 30, 20, 5]


def test_chi2_agrees_with_scipy_where_every_cell_is_filled():
    """Statistic and p-value are `chi2_contingency`'s without Yates' correction."""
    first, second = np.array([500, 300, 200]), np.array([40, 40, 20])
    theirs = stats.chi2_contingency([first, second], correction=False)
    assert chi2(first, second) == (pytest.approx(theirs.statistic), pytest.approx(theirs.pvalue))


def test_chi2_pools_rare_categories():
    """One row of a new category among a hundred is no discovery; thirty are."""
    reference = np.array([900, 600, 0])
    assert chi2(reference, np.array([60, 39, 1]))[1] > 0.05
    assert chi2(reference, np.array([42, 28, 30]))[1] < 1e-9
    assert chi2(np.array([9, 0]), np.array([4, 0])) == (0.0, 1.0)


def test_chi2_p_values_of_equal_shares_are_honest():
    """Without drift, p < 0.05 comes in about 5 % of the windows, rare categories included."""
    shares = np.array([0.50, 0.30, 0.15, 0.04, 0.009, 0.001])
    found = [chi2(RANDOM.multinomial(3_000, shares), RANDOM.multinomial(200, shares))[1] for _ in range(400)]
    assert 0.02 < np.mean(np.array(found) < 0.05) < 0.09


def test_empty_sides_say_nothing():
    """A column without a number on one side gives no evidence, and no crash."""
    none, some = numbers([np.nan, np.nan]), numbers([1.0, 2.0])
    assert ks(some, none) == (0.0, 1.0)
    assert wasserstein(none, some) == 0.0
    assert none.missing == 2


def test_benjamini_hochberg_agrees_with_scipy():
    """Adjusted p-values are those of `false_discovery_control`, in the order that was given."""
    p_values = RANDOM.uniform(size=30) ** 2
    assert benjamini_hochberg(p_values.tolist()) == pytest.approx(stats.false_discovery_control(p_values))
