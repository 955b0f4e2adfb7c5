"""Chi-squared: whether two rows of counts can be draws from the same shares."""

from __future__ import annotations

import numpy as np

from lib.monitoring.sample import Floats, Integers

LEAST_EXPECTED = 5.0


def chi2(reference: Integers | Floats, window: Integers | Floats) -> tuple[float, float]:
    """The statistic and its p-value, of counts by category.

    χ² = Σ over both rows and all categories of (found − expected)² / expected, where expected is (row total × category
    total) / total; p from the χ² distribution with (categories − 1) degrees of freedom.

    That distribution holds where at least 5 are expected. Rarer categories are left out of χ² and, counted together,
    get Fisher's exact test against the rest; the smaller of both p-values is then doubled. So one row of a category
    that was never seen before is no discovery, and thirty are.

    >>> statistic, p_value = chi2(np.array([500, 300, 200]), np.array([50, 30, 20]))
    >>> round(statistic, 6), round(p_value, 6)
    (0.0, 1.0)
    """
    from scipy.stats import chi2_contingency, fisher_exact

    found = np.vstack([reference, window]).astype(np.float64)
    rows = found.sum(axis=1)
    if not rows.all():
        return 0.0, 1.0
    common = found.sum(axis=0) * rows.min() / rows.sum() >= LEAST_EXPECTED
    tests = [(0.0, 1.0)]
    if common.sum() > 1:
        tests.append(chi2_contingency(found[:, common], correction=False)[:2])
    rare = found[:, ~common].sum(axis=1)
    if rare.any() and common.any():
        tests.append((0.0, fisher_exact(np.column_stack([rare, rows - rare]).round().astype(np.int64)).pvalue))
    statistic = max(float(each[0]) for each in tests)
    return statistic, min(max(len(tests) - 1, 1) * min(float(each[1]) for each in tests), 1.0)
