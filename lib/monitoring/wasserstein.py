"""Wasserstein: how far the mass of a column was carried, in units of its spread."""

from __future__ import annotations

import numpy as np

from lib.monitoring.sample import Numbers


def wasserstein(reference: Numbers, window: Numbers) -> float:
    """The first Wasserstein distance over the standard deviation of the reference.

    W = ∫ |F(x) − G(x)| dx / σ, with F and G the distribution functions of both and σ that of the reference. 0.1 means
    that the values moved by a tenth of a standard deviation on average. A reference that is one value has σ = 1.

    It has no p-value of its own, and without any drift grows as 1/√rows: report it, and let a test decide.

    >>> from lib.monitoring.sample import numbers
    >>> round(wasserstein(numbers([1, 2, 3, 4]), numbers([2, 3, 4, 5])), 3)
    0.894
    """
    from scipy.stats import wasserstein_distance

    if not (reference.rows and window.rows):
        return 0.0
    spread = float(np.std(reference.values)) or 1.0
    return float(wasserstein_distance(reference.values, window.values)) / spread
