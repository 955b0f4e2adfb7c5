"""Kolmogorov–Smirnov: the widest gap between two distributions of one number."""

from __future__ import annotations

import numpy as np

from lib.monitoring.sample import Numbers, shares_up_to

EXACT_UP_TO = 10_000


def ks(reference: Numbers, window: Numbers) -> tuple[float, float]:
    """The statistic D and its p-value.

    D = max over x of |F(x) − G(x)|, with F and G the shares of `reference` and `window` that are ≤ x. The p-value is
    that of the two-sided exact distribution for one sample of e = n·m / (n + m) numbers, rounded (as SciPy's asymptotic
    method has it), and beyond 10,000 of them of √e·D in the limit; with ties it is too large rather than too small. A
    column without numbers has D = 0.

    D says how far, p whether that can be chance: of a million rows a D of 0.003 is significant and of no account.

    >>> from lib.monitoring.sample import numbers
    >>> statistic, p_value = ks(numbers(range(100)), numbers(range(40, 140)))
    >>> round(statistic, 2), p_value < 1e-6
    (0.4, True)
    """
    from scipy.stats import kstwo, kstwobign

    if not (reference.rows and window.rows):
        return 0.0, 1.0
    places = np.concatenate([reference.values, window.values])
    statistic = float(np.abs(shares_up_to(reference, places) - shares_up_to(window, places)).max())
    effective = reference.rows * window.rows / (reference.rows + window.rows)
    large = effective > EXACT_UP_TO
    tail = kstwobign.sf(np.sqrt(effective) * statistic) if large else kstwo.sf(statistic, max(round(effective), 1))
    return statistic, float(np.clip(tail, 0.0, 1.0))
