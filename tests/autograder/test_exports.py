"""Imports for Canvas and Moodle: parsed back as those systems read them, and inert in a spreadsheet."""

from __future__ import annotations

import csv
import unicodedata
from pathlib import Path

import pytest

from autograder.build import load_lab
from autograder.course import Course
from autograder.errors import GraderError
from autograder.exports import canvas_rows, moodle_rows, read_roster, safe_cell, write_csv
from autograder.models import CheckResult, Grade, Outcome
from autograder.report import write_report
from tests.autograder.classes import a_class
from tests.autograder.lms import RefusedError, read_canvas, read_moodle

HOSTILE = [
    '=HYPERLINK("http://x","y")',
    "+1+1",
    "-2+3",
    "@SUM(1)",
    "\t=1+1",
    "\r=1+1",
    "\n=1+1",
    " =1+1",
    "\uff1d1+1",
    "\uff0b1",
    "\uff0d1",
    "\uff20SUM(1)",
    "\ufe62\u0031",
    "\u200b=1+1",
    "\ufeff=1+1",
    "\u202e=1+1",
    "\x00=1+1",
    "\u00a0=1+1",
    "\u3000\uff1d1+1",
    "an;=1+1",
    "an; \u200b\uff1d1+1",
]


def rows(path: Path) -> list[list[str]]:
    """A CSV as lists."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


@pytest.mark.parametrize("name", HOSTILE)
def test_no_cell_is_a_formula(tmp_path: Path, name: str) -> None:
    """Whatever a name begins with, seen or unseen, the cell begins with an apostrophe; nothing breaks the line."""
    grades = [Grade(student=name, module="words", theory=2, flags=(name,)), Grade(student="an", module="words")]
    write_csv(tmp_path / "canvas.csv", canvas_rows(grades, {}))
    write_csv(tmp_path / "moodle.csv", moodle_rows(grades, {}))
    for path, width in ((tmp_path / "canvas.csv", 6), (tmp_path / "moodle.csv", 2)):
        table = rows(path)
        assert all(len(row) == width for row in table)
        for cell in (cell for row in table for cell in row):
            for part in cell.split(";"):
                seen = "".join(sign for sign in part if unicodedata.category(sign)[0] not in "CZ")
                assert unicodedata.normalize("NFKC", seen)[:1] not in ("=", "+", "-", "@"), cell
    assert any("'" in row[0] for row in rows(tmp_path / "moodle.csv"))


@pytest.mark.parametrize("name", ["an", "Võ Thị An", "o'neil", "an@example.org", "a-b", "நந்தினி", "1-2=3", ""])
def test_plain_names_stay_as_they_are(name: str) -> None:
    """A sign inside a name is no formula."""
    assert safe_cell(name) == name


def test_canvas_reads_a_column_a_module(tmp_path: Path) -> None:
    """Canvas' five columns, then the modules, the points possible in the second line; what is missing is empty."""
    roster = tmp_path / "roster.csv"
    roster.write_text('student,name,id,section\nan,"Võ, An",S1,A\nzoe,Zoe,S9,B\n', "utf-8-sig")
    check = CheckResult(cell="theory-a", rubric="theory", outcome=Outcome.PASSED, points=30, possible=30)
    grades = [
        Grade(student="binh", module="one", theory=30, report=4.5, checks=(check,)),
        Grade(student="an", module="one", theory=10),
        Grade(student="an", module="two", code=7),
    ]
    write_csv(tmp_path / "canvas.csv", canvas_rows(grades, read_roster(roster)))
    assert rows(tmp_path / "canvas.csv") == [
        ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "one", "two"],
        ["Points Possible", "", "", "", "", "30", "0"],
        ["Võ, An", "", "S1", "an", "A", "10", "7"],
        ["binh", "", "", "binh", "", "34.5", ""],
    ]
    assert (tmp_path / "canvas.csv").read_text("utf-8").startswith('"Student","ID",')


def test_moodle_finds_users_by_any_of_three(tmp_path: Path) -> None:
    """Username, id number and email, then a column a module; a column that not everybody fills is left out."""
    roster = tmp_path / "roster.csv"
    roster.write_text("student,name,id,email\nan,An,S1,an@example.org\n", "utf-8")
    write_csv(tmp_path / "moodle.csv", moodle_rows([Grade(student="an", module="one", code=3)], read_roster(roster)))
    assert rows(tmp_path / "moodle.csv") == [
        ["username", "idnumber", "email", "one"],
        ["an", "S1", "an@example.org", "3"],
    ]
    both = [Grade(student="an", module="one", code=3), Grade(student="binh", module="two", code=4)]
    assert moodle_rows(both, read_roster(roster)) == [["username", "one", "two"], ["an", "3", "-"], ["binh", "-", "4"]]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("student,nmae\nan,An\n", "roster.csv:2: want student,name"),
        ("name\nAn\n", "roster.csv:2: want student,name"),
        ("student,name\nan\n", "roster.csv:2: want student,name"),
        ("student\nan\nan\n", "roster.csv:3: 'an' stands there twice"),
    ],
)
def test_roster_errors_name_the_line(tmp_path: Path, text: str, words: str) -> None:
    """A column that is misspelt or missing, a short line, a student twice."""
    (tmp_path / "roster.csv").write_text(text, "utf-8")
    with pytest.raises(GraderError, match=words):
        read_roster(tmp_path / "roster.csv")


def test_unreadable_roster_is_an_error(tmp_path: Path) -> None:
    """A roster that is not there or not UTF-8 says so."""
    (tmp_path / "roster.csv").write_bytes("student\nMüller\n".encode("latin-1"))
    for name in ("roster.csv", "nowhere.csv"):
        with pytest.raises(GraderError, match="not a readable roster"):
            read_roster(tmp_path / name)


def test_report_writes_all_three_tables(course: Course, tmp_path: Path) -> None:
    """The same totals in grades.csv, canvas.csv and moodle.csv."""
    grades = a_class(load_lab(course, "words"), 12)
    write_report(course, grades, tmp_path)
    ours = {row[0]: row[7] for row in rows(tmp_path / "grades.csv")[1:]}
    assert ours == {grade.student: f"{grade.total:g}" for grade in grades}
    assert {row[3]: row[5] for row in rows(tmp_path / "canvas.csv")[2:]} == ours
    assert {row[0]: row[1] for row in rows(tmp_path / "moodle.csv")[1:]} == ours


PEOPLE = {
    "an": "Nguyễn, Thị Ân",
    "binh": 'Trần "Bình" Văn; Ngọc',
    "chi": '=HYPERLINK("http://x","Chi")',
    "dung": "Đỗ\nDung",
    "emma": "Points & Co",
}


@pytest.fixture
def class_of_three_modules(tmp_path: Path) -> tuple[Path, list[Grade]]:
    """A folder with both exports of a class with difficult names, a gap, and halves of points."""
    roster = tmp_path / "roster.csv"
    with roster.open("w", newline="", encoding="utf-8") as file:
        table = [[who, name, f"S-{who}", f"{who}@example.org"] for who, name in PEOPLE.items()]
        csv.writer(file).writerows([["student", "name", "id", "email"], *table])
    check = CheckResult(cell="theory-a", rubric="theory", outcome=Outcome.PASSED, points=100, possible=100)
    grades = [
        Grade(student=who, module=module, theory=30, code=10 * place + 0.25, checks=(check,))
        for module in ("01_tracking", "02_registry", "03_serving")
        for place, who in enumerate(PEOPLE)
        if (who, module) != ("dung", "02_registry")
    ]
    people = read_roster(roster)
    write_csv(tmp_path / "canvas.csv", canvas_rows(grades, people))
    write_csv(tmp_path / "moodle.csv", moodle_rows(grades, people))
    return tmp_path, grades


def test_canvas_takes_the_file(class_of_three_modules: tuple[Path, list[Grade]]) -> None:
    """Read by the importer's own rules, every student has every total, and what was not graded stays empty."""
    folder, grades = class_of_three_modules
    possible, found = read_canvas(folder / "canvas.csv", {who: f"user of {who}" for who in PEOPLE})
    assert possible == {"01_tracking": 100, "02_registry": 100, "03_serving": 100}
    kept = {(f"user of {grade.student}", grade.module): f"{grade.total:g}" for grade in grades}
    assert {(who, module): cell for who, row in found.items() for module, cell in row.items() if cell} == kept
    assert found["user of dung"]["02_registry"] == ""


@pytest.mark.parametrize("column", ["username", "idnumber", "email"])
def test_moodle_takes_the_file_by_each_of_its_columns(
    class_of_three_modules: tuple[Path, list[Grade]], column: str
) -> None:
    """Whichever column the form maps, every student has every total, and none gets another's."""
    folder, grades = class_of_three_modules
    keys = {"username": "{}", "idnumber": "S-{}", "email": "{}@example.org"}
    users = {keys[column].format(who): who for who in PEOPLE}
    found = read_moodle(folder / "moodle.csv", users, column)
    kept = {(grade.student, grade.module): grade.total for grade in grades}
    assert {(who, name): mark for who, row in found.items() for name, mark in row.items() if mark is not None} == kept
    assert found["dung"]["02_registry"] is None


def test_the_readers_refuse_what_the_systems_refuse(tmp_path: Path) -> None:
    """A reader that takes everything would prove nothing."""
    canvas, moodle = tmp_path / "canvas.csv", tmp_path / "moodle.csv"
    head = "Student,ID,SIS User ID,SIS Login ID,Section"
    for text, words in (
        ("Student,Section,one\nAn,A,3\n", "Invalid header"),
        (f"{head},one,one\nAn,,,an,A,1,2\n", "twice"),
        (f"{head},Final Score\nAn,,,an,A,1\n", "Canvas' own"),
        (f"{head},one\nAn,,,nobody,A,1\n", "no user 'nobody'"),
        (f"{head},one\nAn,,,an,A,'1\n", "no grade"),
        (f"{head},one\nAn,,,an,A\n", "unequal length"),
        (f"\ufeff{head},one\n", "byte-order"),
    ):
        canvas.write_text(text, "utf-8")
        with pytest.raises(RefusedError, match=words):
            read_canvas(canvas, {"an": "an"})
    for text, words in (
        ("username,email,idnumber,one\nan,,S1,3\n", "somebody else"),
        ("username,email,idnumber,one\nan,x@y,S1,3\n", "User mapping"),
        ("username,email,idnumber,one\nan,an@y,S1,101\n", "may not exceed"),
        ("username,email,idnumber,one\nan,an@y,S1,\n", "no grade"),
    ):
        moodle.write_text(text, "utf-8")
        with pytest.raises(RefusedError, match=words):
            read_moodle(moodle, {"an@y": "an"}, "email")
