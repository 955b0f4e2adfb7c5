"""What grading a class has cost: one line a run, kept beside the grades."""

from __future__ import annotations

import json
from pathlib import Path

from autograder.models import Record

_FILE = "runs.json"


class Run(Record):
    """One run of `autograder grade` to its end: wall-clock seconds, what it graded and what it found graded."""

    seconds: float
    graded: int
    found: int


def read_runs(folder: Path) -> list[Run]:
    """The runs into `folder` so far, in their order."""
    path = folder / _FILE
    return [Run.model_validate(run) for run in json.loads(path.read_text("utf-8"))] if path.is_file() else []


def keep_run(folder: Path, run: Run) -> None:
    """Add `run` to those of `folder`; one that graded nothing says nothing."""
    if run.graded:
        runs = [each.model_dump() for each in (*read_runs(folder), run)]
        (folder / _FILE).write_text(json.dumps(runs, indent=1) + "\n", "utf-8")
