"""The log of usage: which phase of which model's life took what, and when."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from filelock import FileLock
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from lib.errors import CostError
from lib.governance.cost_meter import Taken, metered

Phase = Literal["train", "serve", "batch", "stream", "monitor", "store"]


class Usage(BaseModel):
    """One piece of work; without a `version` it was for all of them. Storage is what lay there for `wall_s`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    phase: Phase
    started: AwareDatetime
    version: int | None = None
    wall_s: float = Field(ge=0)
    cpu_s: float = Field(default=0.0, ge=0)
    memory_gib_s: float = Field(default=0.0, ge=0)
    storage_gib_s: float = Field(default=0.0, ge=0)
    predictions: int = Field(default=0, ge=0)


class UsageLog:
    """A file of JSON lines that several processes may add to."""

    def __init__(self, path: Path, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.path, self._clock = path, clock

    def add(self, usage: Usage) -> None:
        """Append a line."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{self.path}.lock"), self.path.open("a", encoding="utf-8") as stream:
            stream.write(usage.model_dump_json(exclude_defaults=True) + "\n")

    def entries(self) -> list[Usage]:
        """All, in the order they were added; raises CostError naming a line that is none."""
        found = []
        for number, line in enumerate(self.path.read_text("utf-8").splitlines() if self.path.exists() else (), 1):
            try:
                found.append(Usage.model_validate_json(line))
            except ValidationError as error:
                raise CostError(
                    f"line {number} of {self.path} is no usage: {error.errors()[0]['msg']}. Put it right, or take it "
                    "out: the report counts what is written there."
                ) from error
        return found

    @contextmanager
    def measuring(
        self, phase: Phase, *, version: int | None = None, pid: int | None = None, without: Collection[int] = ()
    ) -> Iterator[Counted]:
        """Measure what goes on meanwhile and append it, also when it fails: it has cost what it has cost.

        `pid` and `without` are those of `metered`: what is measured by itself meanwhile is left out here.

        Yields what is measured; set its `predictions` and `version` as they become known.
        """
        started, counted = self._clock(), Counted(version)
        try:
            with metered(pid, without=without) as taken:
                yield counted
        finally:
            self.add(_usage(phase, started, taken, counted))

    def keep(self, phase: Phase, folders: list[Path], *, wall_s: float, version: int | None = None) -> int:
        """Append that all files under `folders` lay there for `wall_s`; returns their bytes."""
        files = (path for folder in folders for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
        size = sum(path.stat().st_size for path in files)
        self.add(Usage(phase=phase, started=self._clock(), version=version, wall_s=wall_s,
                       storage_gib_s=size / 2**30 * wall_s))  # fmt: skip
        return size


class Counted:
    """What the work itself has to say."""

    def __init__(self, version: int | None) -> None:
        self.version, self.predictions = version, 0


def _usage(phase: Phase, started: datetime, taken: Taken, counted: Counted) -> Usage:
    return Usage(
        phase=phase, started=started, version=counted.version, wall_s=taken.wall_s, cpu_s=taken.cpu_s,
        memory_gib_s=taken.memory_gib_s, predictions=counted.predictions,
    )  # fmt: skip
