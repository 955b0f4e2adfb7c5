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
_LOSES = re.compile(r"^# loses: (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Known:
    """A percent file of only the cells that differ from the solution; `loses` is empty for an alternative."""

    module: str
    path: Path
    loses: frozenset[str]

    def __str__(self) -> str:
        return f"{self.module}/{self.path.stem}"


def known(kind: str) -> list[Known]:
    """All `wrong` or `alt` submissions, by module and name."""
    paths = [
        path for module in MODULES for path in sorted((ROOT / "tests" / "submissions" / module).glob(f"{kind}_*.py"))
    ]
    return [Known(path.parent.name, path, _loses(path)) for path in paths]


def _loses(path: Path) -> frozenset[str]:
    found = _LOSES.search(path.read_text("utf-8"))
    lines = frozenset(word.strip() for word in found[1].split(",")) if found else frozenset()
    if unknown := lines - set(RUBRICS):
        raise ValueError(f"{path.name} loses in {', '.join(sorted(unknown))}; rubric lines are {', '.join(RUBRICS)}")
    return lines
