"""What students were given of a course: its graded cells and the hashes of their untouched texts; no answer.

`autograder release` writes it beside the student half of the grader, so that `submit` can tell what was attempted.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from autograder.errors import GraderError
from autograder.models import Cell, Lab, Record, Role, Rubric

HANDOUT = Path("autograder", "handout.json")


class AnswerForm(Record):
    """The form that a question asks for, as its visible check states it."""

    name: str
    kind: str
    options: str = ""
    keys: str = ""
    unit: str = ""


class GivenCell(Record):
    """A graded cell; `texts` are SHA-256 of its text as it was given out, one for each language that differs."""

    id: str
    kind: Literal["code", "markdown"]
    role: Role
    points: float = 0
    targets: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    form: AnswerForm | None = None

    def untouched(self, text: str) -> bool:
        """Whether `text` is what was given out; as in grading, space around it does not count."""
        return text_hash(text) in self.texts


class GivenModule(Record):
    """One module: its graded cells in notebook order."""

    id: str
    title: str
    cells: tuple[GivenCell, ...]

    @property
    def lab(self) -> Lab:
        """The module as far as students know it: what reads a submission needs no source."""
        cells = (
            Cell(
                id=cell.id, kind=cell.kind, role=cell.role, source="", line=0, points=cell.points, targets=cell.targets
            )
            for cell in self.cells
        )
        return Lab(module=self.id, path="", cells=tuple(cells))

    def __getitem__(self, cell_id: str) -> GivenCell:
        return next(cell for cell in self.cells if cell.id == cell_id)


class Handout(Record):
    """A course as students have it; `release` tells one release from another and is empty in a checkout."""

    title: str
    release: str
    rubric: dict[Rubric, float]
    modules: tuple[GivenModule, ...]

    def __getitem__(self, module_id: str) -> GivenModule:
        for module in self.modules:
            if module.id == module_id:
                return module
        known = ", ".join(module.id for module in self.modules)
        raise GraderError(f"there is no module {module_id!r} in this course; it has {known}")


def read_handout(root: Path) -> Handout:
    """The handout of the release in `root`; GraderError when there is none."""
    path = root / HANDOUT
    try:
        return Handout.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise GraderError(
            f"no course here: {path} does not exist. Run in the folder that you were given, or pass --course"
        ) from None
    except ValidationError as error:
        raise GraderError(
            f"{path} is damaged ({error.errors()[0]['msg']}); take it from the course's folder anew"
        ) from error


def text_hash(text: str) -> str:
    """SHA-256 of a cell's text without the space around it."""
    return hashlib.sha256(text.strip().encode()).hexdigest()
