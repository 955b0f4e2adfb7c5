"""Mutants that know the subject: replacements of text that a course declares, each a mistake that people make.

They stand in `<submissions>/<module>/mutants.toml`:

    [[mutant]]
    task = "code-scale"
    name = "fits the scaler on the test rows, too"
    replace = "fit(train)"
    with = "fit(pd.concat([train, test]))"
"""

from __future__ import annotations

import tomllib
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from autograder.audit.mutate import Mutant, mutant
from autograder.course import Course
from autograder.errors import GraderError
from autograder.models import Lab


class Replacement(BaseModel):
    """One `[[mutant]]`: `replace` must stand exactly once in the solution of `task`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    task: str
    name: str
    replace: str = Field(min_length=1)
    by: str = Field(alias="with")


class _Sheet(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    mutant: tuple[Replacement, ...] = ()


def field_mutants(course: Course, lab: Lab) -> list[Mutant]:
    """The declared mutants of a module; none when the course declares none. GraderError on one that does not apply."""
    if course.submissions is None:
        return []
    path = course.root / course.submissions / lab.module / "mutants.toml"
    try:
        sheet = _Sheet.model_validate(tomllib.loads(path.read_text("utf-8")))
    except FileNotFoundError:
        return []
    except (tomllib.TOMLDecodeError, ValidationError) as error:
        raise GraderError(f"{path}: {error}") from error
    return [_applied(lab, replacement, path) for replacement in sheet.mutant]


def _applied(lab: Lab, replacement: Replacement, path: Path) -> Mutant:
    where = f"{path.name}, {replacement.task}, {replacement.name!r}"
    cell = next((cell for cell in lab.with_role("task") if cell.id == replacement.task), None)
    if cell is None:
        raise GraderError(f"{where}: {lab.module} has no such task")
    count = cell.source.count(replacement.replace)
    if count != 1:
        raise GraderError(
            f"{where}: {replacement.replace!r} stands {count} times in the task, not once; quote more or less"
        )
    made = mutant(cell, replacement.name, cell.source.replace(replacement.replace, replacement.by))
    if made is None:
        raise GraderError(f"{where}: it changes nothing of the solution between its marks")
    return made
