"""The class's totals as Canvas and Moodle import them; no cell of any CSV here runs as a spreadsheet's formula."""

from __future__ import annotations

import csv
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path

from pydantic import ValidationError

from autograder.errors import GraderError
from autograder.models import Grade, Record, Rubric

_RUNS = ("=", "+", "-", "@")


class Person(Record):
    """One line of the roster: who `student`, a submission's folder, is to the institution's own systems."""

    student: str
    name: str = ""
    id: str = ""
    email: str = ""
    section: str = ""


def read_roster(path: Path) -> dict[str, Person]:
    """The roster, a CSV with the column student and any of name, id, email and section, by student."""
    people: dict[str, Person] = {}
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            for number, row in enumerate(csv.DictReader(file), start=2):
                person = _person(row, f"{path}:{number}")
                if person.student in people:
                    raise GraderError(f"{path}:{number}: {person.student!r} stands there twice; leave one line")
                people[person.student] = person
    except (OSError, UnicodeDecodeError) as error:
        raise GraderError(f"{path}: not a readable roster ({error}); want a CSV file in UTF-8") from error
    return people


def grades_rows(grades: Iterable[Grade], rubrics: Sequence[Rubric]) -> list[list[str]]:
    """grades.csv: one line a submission."""
    head = ["student", "module", *rubrics, "pending", "total", "flags"]
    return [head, *(_grades_row(grade, rubrics) for grade in grades)]


def canvas_rows(grades: Sequence[Grade], people: dict[str, Person]) -> list[list[str]]:
    """Canvas' gradebook import: a column a module, the points possible in the second line.

    Five columns about the student in this order, then the assignments, by title; a title that Canvas does not know yet
    becomes a new assignment. ID is Canvas' own number and may be empty: the SIS ids, then the name, say who it is.
    See `GradebookImporter` in instructure/canvas-lms (app/models/gradebook_importer.rb).
    """
    modules = _modules(grades)
    possible = {module: max(grade.possible for grade in grades if grade.module == module) for module in modules}
    return [
        ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", *modules],
        ["Points Possible", "", "", "", "", *(f"{possible[module]:g}" for module in modules)],
        *(
            [person.name or person.student, "", person.id, person.student, person.section, *totals]
            for person, totals in _totals(grades, people)
        ),
    ]


def moodle_rows(grades: Sequence[Grade], people: dict[str, Person]) -> list[list[str]]:
    """Moodle's grade import: users by username, and by idnumber or email where everybody has one, a column a module.

    On a line whose cell is empty Moodle gives the grades to the user of the line before (`map_user_data_with_value` in
    its grade/import/csv/classes/load_data.php): a column with a gap must not be there to be chosen. “-” is no grade in
    new and old grade items alike. No sum stands there: one grade above 100 and Moodle refuses the file
    (`insert_grade_record`). See docs.moodle.org/en/Grade_import.
    """
    lines = _totals(grades, people)
    columns = {
        "username": [person.student for person, _ in lines],
        "idnumber": [person.id for person, _ in lines],
        "email": [person.email for person, _ in lines],
    }
    kept = {name: cells for name, cells in columns.items() if all(cells)}
    return [
        [*kept, *_modules(grades)],
        *(
            [*(cells[line] for cells in kept.values()), *(total or "-" for total in totals)]
            for line, (_, totals) in enumerate(lines)
        ),
    ]


def write_csv(path: Path, rows: Iterable[Sequence[str]], *, quoted: bool = True) -> None:
    """Write `rows`, each cell made safe; quoted throughout, as imports like it."""
    with path.open("w", newline="", encoding="utf-8", errors="backslashreplace") as file:
        writer = csv.writer(file, quoting=csv.QUOTE_ALL if quoted else csv.QUOTE_MINIMAL)
        writer.writerows([safe_cell(cell) for cell in row] for row in rows)


def safe_cell(text: str) -> str:
    """`text` on one line; what a spreadsheet would run as a formula gets an apostrophe in front.

    Full-width signs and invisible characters in front of a sign count too: spreadsheets read through them. So do the
    parts behind semicolons, where a spreadsheet of another country begins a new cell.

    A sign that stands alone runs nothing.

    >>> [safe_cell(text) for text in ("An Vo", "=1+1", "  @SUM(A1)", "a; =1+1", "-")]
    ['An Vo', "'=1+1", "'@SUM(A1)", "a; '=1+1", '-']
    """
    return ";".join(_inert(part) for part in " ".join(text.split()).split(";"))


def _inert(part: str) -> str:
    seen = "".join(sign for sign in part if unicodedata.category(sign) not in ("Cc", "Cf")).strip()
    if seen == "-" or unicodedata.normalize("NFKC", seen[:1]) not in _RUNS:
        return part
    text = part.lstrip()
    return f"{part.removesuffix(text)}'{text}"


def _person(row: dict[str, str], place: str) -> Person:
    try:
        return Person.model_validate(row)
    except ValidationError as error:
        raise GraderError(f"{place}: want student,name,id,email,section; got {row}") from error


def _grades_row(grade: Grade, rubrics: Sequence[Rubric]) -> list[str]:
    points = [*(getattr(grade, rubric) for rubric in rubrics), grade.pending, grade.total]
    return [grade.student, grade.module, *(f"{value:g}" for value in points), " | ".join(grade.remarks)]


def _modules(grades: Iterable[Grade]) -> list[str]:
    return list(dict.fromkeys(grade.module for grade in grades))


def _totals(grades: Sequence[Grade], people: dict[str, Person]) -> list[tuple[Person, list[str]]]:
    """Each student's totals in the order of `_modules`, empty where nothing was graded."""
    found = {(grade.student, grade.module): f"{grade.total:g}" for grade in grades}
    students = sorted({grade.student for grade in grades})
    return [
        (
            people.get(student) or Person(student=student),
            [found.get((student, module), "") for module in _modules(grades)],
        )
        for student in students
    ]
