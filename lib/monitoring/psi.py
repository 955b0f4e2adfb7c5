"""Population Stability Index: how far the shares of a window lie from those of the reference, bin by bin."""

from __future__ import annotations

import numpy as np

from lib.monitoring.sample import Floats, Integers, Numbers

BINS = 10


def psi(reference: Integers | Floats, window: Integers | Floats) -> float:
    """The index of two rows of counts, bin by bin.

    PSI = Σ over bins b of (w_b − r_b) · ln(w_b / r_b), with the shares r_b = (R_b + ½) / (R + B / 2) of the reference
    and w_b of the window in the same way: half a row is added to each of the B bins, so that an empty bin is no
    infinity. A bin that is empty in both is none.

    Bankers call 0.1 a shift and 0.25 a large one, of thousands of rows: without any drift it is about
    (B − 1) · (1/R + 1/W) for R and W rows, so that 100 rows in 10 bins have 0.1 by themselves. Calibrate.

    >>> round(psi(np.array([500, 300, 200]), np.array([300, 300, 400])), 3)
    0.24
    """
    filled = (reference + window) > 0
    r, w = _shares(reference[filled]), _shares(window[filled])
    return float(np.sum((w - r) * np.log(w / r)))


def quantile_edges(reference: Numbers, *, bins: int = BINS) -> Floats:
    """The inner edges of bins that hold about equally many rows of the reference; fewer where many are equal.

    Bins of equal width would put almost all of a skewed column into one: quantiles of the reference see it move.
    """
    if not reference.rows:
        return np.empty(0)
    places = (np.arange(1, bins) / bins * len(reference.values)).astype(np.int64)
    edges = np.unique(reference.values[places])
    inner: Floats = edges[edges > reference.values[0]]
    return inner


def bin_counts(sample: Numbers, edges: Floats) -> Floats:
    """Rows below the first of `edges`, from each edge to below the next, from the last on, and missing ones."""
    if not sample.rows:
        return np.append(np.zeros(len(edges) + 1), float(sample.missing))
    below = np.searchsorted(sample.values, edges, side="left")
    inside = np.diff(np.concatenate([[0], below, [len(sample.values)]]))
    return np.append(inside * (sample.rows / len(sample.values)), float(sample.missing))


def _shares(counts: Integers | Floats) -> Floats:
    smoothed = np.asarray(counts, dtype=np.float64) + 0.5
    total = float(smoothed.sum())
    return np.asarray(smoothed / total, dtype=np.float64)
