"""What is kept of a run of the autoscaler: one JSON line a step."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from lib.errors import DataError


class Step(BaseModel):
    """One look at the fleet, `at_s` seconds after the start.

    `offered` and `answered` are requests a second since the last step. `in_flight` is the metric by replica, None where
    it is missing (it starts); `target` is what its mean should be. `wanted` is what the autoscaler decided here,
    `serving`, `starting` and `draining` what it found. Latencies are those of the last three steps' answers, from the
    moment that a request was due, None when there were none. `failed` counts from the start.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    at_s: float
    offered: float
    answered: float
    in_flight: tuple[float | None, ...]
    target: float
    wanted: int
    serving: int
    starting: int
    draining: int
    p50_ms: float | None
    p95_ms: float | None
    failed: int


def read_steps(path: Path) -> list[Step]:
    """The steps of a record; raises DataError when it is not there or is none."""
    try:
        return [Step.model_validate_json(line) for line in path.read_text("utf-8").splitlines()]
    except (OSError, ValidationError) as error:
        raise DataError(f"{path} is no record of an autoscaler: {error}. Make one with `make autoscale`.") from error


def write_steps(path: Path, steps: Iterable[Step]) -> None:
    """One JSON line a step."""
    path.write_text("".join(f"{step.model_dump_json()}\n" for step in steps), "utf-8")
