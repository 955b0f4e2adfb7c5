"""What a graded class leaves for people: grades.csv, grades.json, a class page and a feedback page per student."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from autograder.course import Course
from autograder.models import Grade, Rubric


def write_report(course: Course, grades: list[Grade], folder: Path) -> None:
    """Write `grades` under `folder`; the pages are self-contained and load nothing from elsewhere."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "grades.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("student", "module", *course.rubrics, "pending", "total", "flags"))
        writer.writerows(table_row(grade, course.rubrics) for grade in grades)
    everything = [{**grade.model_dump(mode="json"), "total": grade.total} for grade in grades]
    (folder / "grades.json").write_text(json.dumps(everything, indent=1, ensure_ascii=False) + "\n", "utf-8")
    pages = Environment(
        loader=PackageLoader("autograder", "pages"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    maxima: dict[str, float] = {
        **{rubric: course.rubric[rubric] for rubric in course.rubrics},
        "total": sum(course.rubric.values()),
    }
    (folder / "index.html").write_text(
        pages.get_template("class.html").render(course=course, grades=grades, maxima=maxima, rubrics=course.rubrics),
        "utf-8",
    )
    for student in sorted({grade.student for grade in grades}):
        page = folder / "feedback" / student / "index.html"
        page.parent.mkdir(parents=True, exist_ok=True)
        theirs = [grade for grade in grades if grade.student == student]
        page.write_text(
            pages.get_template("feedback.html").render(
                course=course, student=student, grades=theirs, maxima=maxima, rubrics=course.rubrics
            ),
            "utf-8",
        )


def table_row(grade: Grade, rubrics: tuple[Rubric, ...]) -> list[str]:
    """One line of grades.csv; text that a spreadsheet would run as a formula is prefixed with an apostrophe."""
    points = [*(getattr(grade, rubric) for rubric in rubrics), grade.pending, grade.total]
    return [_plain(grade.student), grade.module, *(f"{value:g}" for value in points), _plain(" | ".join(grade.flags))]


def _plain(text: str) -> str:
    # A spreadsheet of another country splits at semicolons, so a formula may begin behind one, too.
    return re.sub(r"(^|;\s*)(?=[=+@-])", r"\1'", " ".join(text.split()))
