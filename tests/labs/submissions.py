"""The known submissions of each module: what is wrong with them, and in which rubric lines they must lose."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from autograder.course import load_course
from autograder.models import RUBRICS

ROOT = Path(__file__).parents[2]
COURSE = load_course(ROOT)
MODULES = [module.id for module in COURSE.modules]


@dataclass(frozen=True)
class Known:
    """A percent file of only the cells that differ from the solution; `loses` is empty for an alternative.

    `may_lose` are rubric lines that build on the mistaken piece and lose with it under some seeds.
    """

    module: str
    path: Path
    loses: frozenset[str]
    may_lose: frozenset[str]

    def __str__(self) -> str:
        return f"{self.module}/{self.path.stem}"


def known(kind: str) -> list[Known]:
    """All `wrong` or `alt` submissions, by module and name."""
    paths = [
        path for module in MODULES for path in sorted((ROOT / "tests" / "submissions" / module).glob(f"{kind}_*.py"))
    ]
    return [Known(path.parent.name, path, _lines(path, "loses"), _lines(path, "may lose")) for path in paths]


def _lines(path: Path, word: str) -> frozenset[str]:
    found = re.search(rf"^# {word}: (.+)$", path.read_text("utf-8"), re.MULTILINE)
    lines = frozenset(part.strip() for part in found[1].split(",")) if found else frozenset()
    if unknown := lines - set(RUBRICS):
        raise ValueError(f"{path.name} {word} {', '.join(sorted(unknown))}; rubric lines are {', '.join(RUBRICS)}")
    return lines
