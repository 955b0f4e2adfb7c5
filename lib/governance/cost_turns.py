"""Several kinds of work in one process, by turns: each is charged its own, whatever it is interrupted by."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import psutil

from lib.governance.cost_meter import GIB, Taken
from lib.governance.cost_usage import Counted, Phase, Usage, UsageLog


class Turns:
    """`with turns("train"):` appends what this process took meanwhile to the log; a turn within a turn stops the outer.

    Counted are wall time, the processor time of all threads, and the memory that the process holds: a look costs some
    microseconds, where `metered` walks a tree of processes and their pages. For one thread, which takes the turns.
    Yields what `UsageLog.measuring` yields.
    """

    def __init__(self, log: UsageLog) -> None:
        self._log, self._process, self._open = log, psutil.Process(), list[_Turn]()
        self._wall_s, self._cpu_s = time.monotonic(), time.process_time()

    @contextmanager
    def __call__(self, phase: Phase, *, version: int | None = None) -> Iterator[Counted]:
        turn = _Turn(phase, Counted(version))
        self._charge()
        self._open.append(turn)
        try:
            yield turn.counted
        finally:
            self._charge()
            self._open.remove(turn)
            self._log.add(turn.usage())

    def _charge(self) -> None:
        """What has passed since the last time goes to the innermost turn, or to nobody."""
        wall_s, cpu_s = time.monotonic(), time.process_time()
        if self._open:
            taken, passed_s = self._open[-1].taken, wall_s - self._wall_s
            taken.wall_s += passed_s
            taken.cpu_s += cpu_s - self._cpu_s
            taken.memory_gib_s += self._process.memory_info().rss / GIB * passed_s
        self._wall_s, self._cpu_s = wall_s, cpu_s


@dataclass
class _Turn:
    phase: Phase
    counted: Counted
    taken: Taken = field(default_factory=Taken)
    started: datetime = field(default_factory=lambda: datetime.now(UTC))

    def usage(self) -> Usage:
        return Usage(
            phase=self.phase, started=self.started, version=self.counted.version, wall_s=self.taken.wall_s,
            cpu_s=self.taken.cpu_s, memory_gib_s=self.taken.memory_gib_s, predictions=self.counted.predictions,
        )  # fmt: skip
