"""What a piece of work takes: processor, memory and wall time of a process and all that it started."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psutil

EVERY_S = 0.25
GIB = 2**30


@dataclass
class Taken:
    """What was measured; it grows while the work goes on and stands still when it has ended.

    `cpu_s` counts every process of the tree, those that have ended included. `memory_gib_s` is the memory's share of
    the time: the tree's proportional set size (a shared page is counted once), looked at every quarter of a second.
    """

    wall_s: float = 0.0
    cpu_s: float = 0.0
    memory_gib_s: float = 0.0
    peak_gib: float = 0.0


@contextmanager
def metered(pid: int | None = None, *, without: Collection[int] = (), every_s: float = EVERY_S) -> Iterator[Taken]:
    """Measure the process `pid`, by default this one, and its descendants, for as long as the context lasts.

    Processes `without` are left out with all that they started: they are on another bill.

    Raises psutil.NoSuchProcess when there is none at the start. One that ends meanwhile keeps what was seen of it.

    >>> with metered() as taken:
    ...     _ = sum(range(10**6))
    >>> 0 < taken.cpu_s and 0 < taken.memory_gib_s <= taken.peak_gib * taken.wall_s * 1.0001
    True
    """
    meter = _Meter(psutil.Process(pid), frozenset(without))
    thread = threading.Thread(target=meter.follow, args=(every_s,), name="cost meter", daemon=True)
    thread.start()
    try:
        yield meter.taken
    finally:
        meter.ended.set()
        thread.join()
        meter.look()


class _Meter:
    """Looks at a process tree from time to time; the work between two looks is charged the memory of the first."""

    def __init__(self, process: psutil.Process, without: Collection[int]) -> None:
        self.process, self.without, self.taken, self.ended = process, without, Taken(), threading.Event()
        self._begun = self._seen = time.monotonic()
        tree = _tree(process, without)
        self._cpu_before = _cpu_s(tree)
        self._memory_gib = self.taken.peak_gib = _memory_gib(tree)

    def follow(self, every_s: float) -> None:
        """Look until the work has ended."""
        while not self.ended.wait(every_s):
            self.look()

    def look(self) -> None:
        """Add what has been since the last look."""
        tree, now = _tree(self.process, self.without), time.monotonic()
        self.taken.memory_gib_s += self._memory_gib * (now - self._seen)
        self.taken.wall_s, self._seen = now - self._begun, now
        self.taken.cpu_s = max(self.taken.cpu_s, _cpu_s(tree) - self._cpu_before)
        self._memory_gib = _memory_gib(tree)
        self.taken.peak_gib = max(self.taken.peak_gib, self._memory_gib)


def _tree(process: psutil.Process, without: Collection[int]) -> list[psutil.Process]:
    try:
        children = [each for each in process.children() if each.pid not in without]
    except psutil.NoSuchProcess:
        return []
    return [process, *(each for child in children for each in _tree(child, without))]


def _cpu_s(tree: list[psutil.Process]) -> float:
    """Of the living, and of their children that have ended: the system adds those to whoever waited for them."""
    total = 0.0
    for each in tree:
        try:
            total += sum(each.cpu_times()[:4])  # user, system, and both of the ended children
        except psutil.NoSuchProcess:
            continue
    return total


def _memory_gib(tree: list[psutil.Process]) -> float:
    total = 0.0
    for each in tree:
        try:
            found = each.memory_full_info()
            total += getattr(found, "pss", found.rss)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return total / GIB
