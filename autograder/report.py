"""What a graded class leaves for people: tables, a class page, feedback for each student, imports for other systems."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from pydantic import ValidationError

from autograder.analysis import MIN_STUDENTS
from autograder.build import load_lab, stub_sources
from autograder.cohort import for_cohort
from autograder.course import Course
from autograder.errors import GraderError
from autograder.exports import canvas_rows, grades_rows, moodle_rows, read_roster, write_csv
from autograder.feedback import JsonObject, next_step, steps, title
from autograder.gradebook import ClassBook
from autograder.models import Grade, Lab, Outcome
from autograder.overview import handed_in, overview, totals_strip
from autograder.runs import read_runs
from autograder.similar import ALIKE, CHANCE, MIN_TOKENS, Answers
from autograder.summary import duration, short, summary

MOST_PAIRS = 20


def write_report(course: Course, grades: Sequence[Grade], folder: Path) -> None:
    """Write `grades` under `folder`; the pages are self-contained, run no script and load nothing from elsewhere."""
    folder.mkdir(parents=True, exist_ok=True)
    _write_tables(course, grades, folder)
    labs = _labs(course, grades)
    templates = Environment(
        loader=PackageLoader("autograder", "pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.globals.update(
        course=course,
        rubrics=course.rubrics,
        outcomes=list(Outcome),
        min_students=MIN_STUDENTS,
        feedback_link=_link,
        module_link=_module_link,
        handed_in=handed_in,
        duration=duration,
        short=short,
        title=title,
        min_tokens=MIN_TOKENS,
        alike=ALIKE,
        chance=CHANCE,
        most_pairs=MOST_PAIRS,
    )
    answers = Answers()
    page = templates.get_template("feedback.html")
    for student, theirs in groupby(sorted(grades, key=lambda grade: grade.student), lambda grade: grade.student):
        shown = [_shown(course, labs[grade.module], grade, folder, answers) for grade in theirs]
        _write(folder / "feedback" / _folder_name(student) / "index.html", page.render(student=student, shown=shown))
    views = [overview(course, lab, [grade for grade in grades if grade.module == lab.module]) for lab in labs.values()]
    everything = summary(course, views, read_runs(folder), answers.similar())
    strips = [totals_strip(view) for view in views]
    _write(folder / "index.html", templates.get_template("class.html").render(all=everything, strips=strips))
    for view in views if len(views) > 1 else ():
        text = templates.get_template("module_page.html").render(view=view)
        _write(folder / _module_link(view.module.id), text)


def rewrite_report(course: Course, folder: Path) -> list[Grade]:
    """Settle the grades in `folder` with what its gradebook and course.toml say now, and write the report again."""
    course = for_cohort(course, folder)
    grades = read_grades(folder)
    if (folder / "gradebook.db").is_file():
        book = ClassBook(folder)
        try:
            labs = _labs(course, grades)
            for module, lab in labs.items():
                book.set_due(lab, course[module].due)
            grades = [book.settle(labs[grade.module], grade, course) for grade in grades]
        finally:
            book.close()
    write_report(course, grades, folder)
    return grades


def read_grades(folder: Path) -> list[Grade]:
    """The grades in `folder`/grades.json."""
    path = folder / "grades.json"
    try:
        rows = json.loads(path.read_text("utf-8"))
        return [Grade.model_validate({key: value for key, value in row.items() if key != "total"}) for row in rows]
    except FileNotFoundError:
        raise GraderError(
            f"{path} does not exist; grade a class there first: autograder grade … --out {folder}"
        ) from None
    except (json.JSONDecodeError, AttributeError, ValidationError) as error:
        raise GraderError(f"{path} is not what `autograder grade` writes ({error}); grade the class again") from error


def _labs(course: Course, grades: Sequence[Grade]) -> dict[str, Lab]:
    return {module: load_lab(course, module) for module in dict.fromkeys(grade.module for grade in grades)}


def _write_tables(course: Course, grades: Sequence[Grade], folder: Path) -> None:
    everything = [{**grade.model_dump(mode="json"), "total": grade.total} for grade in grades]
    _write(folder / "grades.json", json.dumps(everything, indent=1, ensure_ascii=False) + "\n")
    roster = folder / "roster.csv"
    people = read_roster(roster) if roster.is_file() else {}
    write_csv(folder / "grades.csv", grades_rows(grades, course.rubrics), quoted=False)
    write_csv(folder / "canvas.csv", canvas_rows(grades, people))
    write_csv(folder / "moodle.csv", moodle_rows(grades, people))


def _shown(course: Course, lab: Lab, grade: Grade, folder: Path, answers: Answers) -> dict[str, Any]:
    """What the feedback template needs of one grade; the answers join those of the class."""
    notebook = _run_notebook(folder, lab, grade.student)
    if notebook:
        texts = {cell["id"]: "".join(cell["source"]) for cell in notebook["cells"] if "id" in cell}
        answers.add(grade.student, lab, texts, _stubs(lab))
    found = steps(grade, lab, notebook)
    sections = [(heading, list(checks)) for heading, checks in groupby(found, lambda step: step.heading)]
    return {"module": course[grade.module], "grade": grade, "next": next_step(grade, found), "sections": sections}


def _run_notebook(folder: Path, lab: Lab, student: str) -> JsonObject | None:
    """The notebook that was run, as plain JSON: nbformat's checks of it would take longer than the rest of a page."""
    assignment, notebook = lab.gradebook_names
    path = folder / "autograded" / _folder_name(student) / assignment / f"{notebook}.ipynb"
    return json.loads(path.read_text("utf-8")) if path.is_file() else None


@cache
def _stubs(lab: Lab) -> dict[str, str]:
    return stub_sources(lab)


def _module_link(module: str) -> str:
    return f"module-{module}.html"


def _link(student: str) -> str:
    return f"feedback/{_folder_name(student)}/index.html"


def _folder_name(student: str) -> str:
    if Path(student).name != student or student == "..":
        raise GraderError(f"grades.json names a student {student!r}, which cannot be a folder's name")
    return student


def _write(path: Path, text: str) -> None:
    """Half a surrogate pair, which a student may print, is written as its escape, as JSON and people can read it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8", errors="backslashreplace", newline="\n")
