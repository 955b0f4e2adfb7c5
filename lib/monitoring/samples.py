"""What was scraped, in memory: time series, read as Prometheus reads its own, missing and ended ones included."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

LOOKBACK_S = 300.0
"""A sample stands for its series that long, unless the series has ended before."""

Labels = tuple[tuple[str, str], ...]
Points = NDArray[np.float64]


def labelled(labels: Mapping[str, str]) -> Labels:
    """Labels as a key, whatever their order; an empty one is the same as none."""
    return tuple(sorted((name, value) for name, value in labels.items() if value))


@dataclass(frozen=True)
class Reading:
    """One value that a target told."""

    name: str
    labels: Mapping[str, str]
    value: float


@dataclass
class _Line:
    """The samples of one series in order of time, and when it was seen to have ended."""

    times: array[float] = field(default_factory=lambda: array("d"))
    values: array[float] = field(default_factory=lambda: array("d"))
    ends: array[float] = field(default_factory=lambda: array("d"))

    def add(self, at_s: float, value: float) -> None:
        self.times.append(at_s)
        self.values.append(value)

    def latest(self, at_s: float) -> float | None:
        last = bisect_right(self.times, at_s) - 1
        if last < 0 or self.times[last] <= at_s - LOOKBACK_S:
            return None
        ended = bisect_right(self.ends, at_s) - 1
        return None if ended >= 0 and self.ends[ended] > self.times[last] else self.values[last]

    def forget(self, before_s: float) -> None:
        if self.ends and self.ends[0] < before_s:
            del self.ends[: bisect_left(self.ends, before_s)]
        # Not at each sample: moving the rest down costs as much as there is.
        old = bisect_left(self.times, before_s)
        if old > len(self.times) // 2:
            del self.times[:old], self.values[:old]


class Samples:
    """Series by name and labels, kept for `keep_s` seconds; times are seconds since 1970 and only go forward.

    >>> samples = Samples()
    >>> samples.scrape(0.0, [Reading("rows", {"kind": "late"}, 3.0)], job="server")
    >>> samples.latest("rows", 299.0), samples.latest("rows", 300.0)
    ({(('job', 'server'), ('kind', 'late')): 3.0}, {})
    """

    def __init__(self, *, keep_s: float = 6 * 3600.0, names: Iterable[str] | None = None) -> None:
        """Keep only the series called one of `names`, or all."""
        self._keep_s, self._names = keep_s, None if names is None else frozenset(names)
        self._lines: dict[str, dict[Labels, _Line]] = {}
        self._told: dict[str, set[tuple[str, Labels]]] = {}

    def scrape(self, at_s: float, readings: Iterable[Reading], *, job: str) -> None:
        """Take what the target of `job` told; a series that it told before and not now has ended. `up` is 1."""
        told = set()
        for reading in (Reading("up", {}, 1.0), *readings):
            if self._names is None or reading.name in self._names:
                labels = labelled({**reading.labels, "job": job})
                self.add(at_s, reading.name, labels, reading.value)
                told.add((reading.name, labels))
        self._end(at_s, job, told)

    def miss(self, at_s: float, *, job: str) -> None:
        """The target of `job` did not answer: `up` is 0, and all that it told has ended."""
        up = labelled({"job": job})
        self.add(at_s, "up", up, 0.0)
        self._end(at_s, job, {("up", up)})

    def add(self, at_s: float, name: str, labels: Labels, value: float) -> None:
        """One sample of one series."""
        line = self._lines.setdefault(name, {}).setdefault(labels, _Line())
        line.add(at_s, value)
        line.forget(at_s - self._keep_s)

    def end(self, at_s: float, name: str, labels: Labels) -> None:
        """A series has ended: no later look sees its last sample."""
        self._lines[name][labels].ends.append(at_s)

    def latest(self, name: str, at_s: float) -> dict[Labels, float]:
        """The value of each series called `name` at an instant."""
        found = {labels: line.latest(at_s) for labels, line in self._lines.get(name, {}).items()}
        return {labels: value for labels, value in found.items() if value is not None}

    def window(self, name: str, *, after_s: float, until_s: float) -> dict[Labels, tuple[Points, Points]]:
        """The times and values of each series, a sample at `after_s` itself left out, as since Prometheus 3."""
        found = {}
        for labels, line in self._lines.get(name, {}).items():
            first, last = bisect_right(line.times, after_s), bisect_right(line.times, until_s)
            if first < last:
                found[labels] = np.asarray(line.times[first:last]), np.asarray(line.values[first:last])
        return found

    def _end(self, at_s: float, job: str, told: set[tuple[str, Labels]]) -> None:
        for name, labels in self._told.get(job, set()) - told:
            self.end(at_s, name, labels)
        self._told[job] = told
