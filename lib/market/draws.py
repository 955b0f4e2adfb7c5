"""Random numbers that are the same bytes on every machine: raw PCG64 bits, exact integer steps and table look-ups.

NumPy guarantees the raw stream of `PCG64`, but not that of its distributions, and exp, log or pow may differ in the
last bit between processors. Only + − × ÷ and comparisons are used here, which IEEE 754 fixes to the bit.
"""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

_PIECES = 12


class Draws:
    """Named, independent streams from one seed (0 ≤ seed < 2**128): drawing more from one disturbs no other.

    >>> Draws(1).uniform("area", 2).tolist() == Draws(1).uniform("area", 3)[:2].tolist()
    True
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def bits(self, stream: str, size: int) -> NDArray[np.uint64]:
        """`size` raw 64-bit words of the named stream."""
        words = np.random.SeedSequence(self._seed, spawn_key=(zlib.crc32(stream.encode()),))
        return np.asarray(np.random.PCG64(words).random_raw(size), dtype=np.uint64)

    def uniform(self, stream: str, size: int) -> Floats:
        """Uniform in [0, 1), in steps of 2**-53."""
        return (self.bits(stream, size) >> np.uint64(11)).astype(np.float64) * 2.0**-53

    def bell(self, stream: str, size: int) -> Floats:
        """Mean 0, standard deviation 1, within ±6: the sum of twelve 16-bit uniforms (Irwin–Hall), less its mean."""
        words = self.bits(stream, 3 * size).reshape(3, size)
        total = np.zeros(size, dtype=np.int64)
        for shift in (0, 16, 32, 48):
            total += ((words >> np.uint64(shift)) & np.uint64(0xFFFF)).sum(axis=0, dtype=np.uint64).astype(np.int64)
        # Half a step a piece centres the sum: a 16-bit piece has the mean 32767.5.
        return (total.astype(np.float64) + _PIECES / 2) * 2.0**-16 - _PIECES / 2


def quantile(table: Floats, row: Integers, level: Floats) -> Floats:
    """The value at `level` (0 ≤ level < 1) of the distribution whose equally spaced quantiles stand in `table[row]`."""
    steps = table.shape[1] - 1
    place = level * steps
    left = place.astype(np.int64)
    low = table[row, left]
    return np.asarray(low + (table[row, left + 1] - low) * (place - left))


def rounded(values: Floats, step: float) -> Floats:
    """`values` to the nearest multiple of `step`, a whole number or one over a whole number."""
    if step >= 1:
        return np.rint(values / step) * step
    inverse = float(round(1 / step))
    return np.rint(values * inverse) / inverse
