"""The domain classifier sees what no single column shows, and its null is the one that shuffled labels give."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from lib.monitoring.domain import DomainClassifier, _aucs, p_value
from lib.monitoring.table import Columns, Table

COLUMNS = Columns(numeric=("a", "b"), categorical={"c": ("x", "y")})


def table(rows, seed, *, together=0.0, share=0.5):
    """Two standard normal numbers that hang together as told, and a category."""
    random = np.random.default_rng(seed)
    a, noise = random.normal(size=rows), random.normal(size=rows)
    b = together * a + np.sqrt(1 - together**2) * noise
    return Table(numeric={"a": a, "b": b}, categorical={"c": (random.random(rows) < share).astype(np.int64)}, rows=rows)


REFERENCE = table(2_000, 0)
CLASSIFIER = DomainClassifier(REFERENCE, COLUMNS)


def test_windows_like_the_reference_give_honest_p_values():
    """Without drift, p ≤ 0.1 comes in about a tenth of the windows, by a null that was drawn once."""
    null = CLASSIFIER.null(table(150, 1), permutations=299)
    found = [p_value(CLASSIFIER.auc(table(150, 100 + number)), null) for number in range(200)]
    assert 0.04 < np.mean(np.array(found) <= 0.1) < 0.18
    assert np.mean(null) == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize(
    "moved", [table(150, 7, together=0.8), table(150, 7, share=0.85)], ids=["only together", "a category"]
)
def test_a_window_that_can_be_told_apart_is(moved):
    """Two numbers that come to hang together, or a category that grew, stand out of the null."""
    null = CLASSIFIER.null(moved, permutations=199)
    assert p_value(CLASSIFIER.auc(moved), null) == 1 / 200


def test_the_same_window_gives_the_same_auc():
    """Nothing depends on when or how often one looks."""
    window = table(6_000, 3)
    assert CLASSIFIER.auc(window) == CLASSIFIER.auc(window)


def test_auc_is_sklearns():
    """By column of labels, with ties, the area is the one that scikit-learn computes."""
    random = np.random.default_rng(0)
    scores = random.integers(0, 9, size=(80, 3)).astype(float)
    labels = (random.random((80, 3)) < 0.3).astype(float)
    assert _aucs(scores, labels) == pytest.approx([roc_auc_score(labels[:, i], scores[:, i]) for i in range(3)])


def test_missing_numbers_and_new_categories_are_no_crash():
    """A gap stands in the middle, and a category that the reference never had stands for nothing."""
    window = table(60, 5)
    window.numeric["a"][:30] = np.nan
    window.categorical["c"][:] = 2
    assert 0.5 < CLASSIFIER.auc(window) <= 1
