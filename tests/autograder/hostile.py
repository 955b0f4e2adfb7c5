"""Reads the hostile corpus and mounts its cases; `tests/hostile/README.md` describes the format."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from autograder.course import Course
from autograder.models import Rubric

FOLDER = Path(__file__).parents[1] / "hostile"
WORTH: dict[str, tuple[Rubric, float]] = {
    "theory-rare": ("theory", 1),
    "theory-kinds": ("theory", 2),
    "code-count": ("code", 2),
    "results-file": ("results", 2),
}
_HONEST = {
    "theory-rare": 'theory_rare = "A"',
    "theory-kinds": 'theory_kinds = {"B", "D"}',
    "code-count": "def count(text):\n    return dict(Counter(text.split()))",
    "code-guard": "def first(words):\n    return None",  # tried and wrong: nothing is earned here
    "results-file": """
def save(text, name):
    words = text.split()
    with open(name, "w") as file:
        file.write("\\n".join(f"{word} {words.count(word)}" for word in sorted({*words})))
""",  # needs nothing of the cells above, so that only a broken kernel can lose it
}
_HEADER = re.compile(r"# (costs|flagged|strikes): (.+)")


@dataclass
class Case:
    """One hostile submission: what it puts where, and what it loses of its own honest work by its own doing."""

    family: str
    name: str
    strikes: dict[str, str] = field(default_factory=dict)
    costs: tuple[str, ...] = ()
    flagged: str = ""

    def earned(self) -> dict[Rubric, float]:
        """Points by rubric line of the partly right submission: what was honest and is not struck or lost."""
        points: dict[Rubric, float] = {"theory": 0, "code": 0, "results": 0, "report": 0}
        for cell in WORTH.keys() - self.strikes.keys() - set(self.costs):
            rubric, worth = WORTH[cell]
            points[rubric] += worth
        return points

    def mount(self, course: Course, path: Path, *, blank: bool = False) -> Path:
        """Write the notebook to `path`: a blank lab, or partly right work, with this case's cells or changes in it."""
        notebook: dict[str, Any] = json.loads(course.student_notebook("words").read_text("utf-8"))
        answers = ({} if blank else _HONEST) | self.strikes
        for cell in notebook["cells"]:
            cell["source"] = answers.get(cell["id"], cell["source"])
        path.parent.mkdir(parents=True)
        scope = {"notebook": notebook, "path": path, "solution": course.instructor_notebook("words")}
        if change := self.strikes.get("notebook"):
            exec(change, scope)
        path.write_text(json.dumps(notebook), "utf-8")
        if change := self.strikes.get("file"):
            exec(change, scope)
        return path


def read_corpus() -> list[Case]:
    """Every case of every family, in the order of the files."""
    return [case for path in sorted(FOLDER.glob("*.py")) for case in _cases(path)]


def _cases(path: Path) -> Iterator[Case]:
    for text in re.split(r"^# %% ", path.read_text("utf-8"), flags=re.MULTILINE)[1:]:
        name, _, body = text.partition("\n")
        yield _case(Case(path.stem, name), body)


def _case(case: Case, body: str) -> Case:
    target, lines = "", {}
    for line in body.split("\n"):
        if header := _HEADER.fullmatch(line):
            key, value = header.groups()
            if key == "strikes":
                target, lines[value] = value, []
            else:
                setattr(case, key, tuple(value.split()) if key == "costs" else value)
        elif target:
            lines[target].append(line)
        elif line and not line.startswith("# "):
            raise ValueError(f"{case.family}.py, {case.name}: {line!r} stands before any `# strikes: CELL` line")
    case.strikes = {cell: "\n".join(text).strip() for cell, text in lines.items()}
    return case
