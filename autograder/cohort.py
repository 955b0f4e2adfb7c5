"""A cohort's own dates: one course is held again and again, and only when things are due differs."""

from __future__ import annotations

import tomllib
from pathlib import Path

from pydantic import AwareDatetime, Field, ValidationError

from autograder.course import Course
from autograder.errors import GraderError
from autograder.late import LatePolicy
from autograder.models import Record

FILE = "cohort.toml"


class Cohort(Record):
    """When each module is due, by its id, and the price of lateness: both stand in place of course.toml's."""

    due: dict[str, AwareDatetime] = Field(default_factory=dict)
    late: LatePolicy | None = None


def read_cohort(path: Path, course: Course) -> Cohort:
    """The cohort in the TOML file at `path`; GraderError on a key or a module that does not exist."""
    try:
        cohort = Cohort.model_validate(tomllib.loads(path.read_text("utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise GraderError(f"{path}: not a readable cohort ({error}); want a TOML file in UTF-8") from error
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise GraderError(f"{path}: {problems}") from error
    for module in cohort.due:
        course[module]
    return cohort


def for_cohort(course: Course, folder: Path) -> Course:
    """`course` with the dates of the cohort that is graded into `folder`, which keeps them as cohort.toml."""
    return with_dates(course, read_cohort(folder / FILE, course)) if (folder / FILE).is_file() else course


def with_dates(course: Course, cohort: Cohort) -> Course:
    """`course` with the cohort's due dates and late policy in place of its own."""
    modules = tuple(
        module.model_copy(
            update={"due": cohort.due.get(module.id, module.due), "late": None if cohort.late else module.late}
        )
        for module in course.modules
    )
    return course.model_copy(update={"modules": modules, "late": cohort.late or course.late})
