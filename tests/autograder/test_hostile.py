"""Hostile submissions gain nothing, lose nothing honest, and leave their neighbours alone."""

from __future__ import annotations

import csv
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from autograder.batch import find_submissions, grade_class
from autograder.course import Course, load_course
from autograder.grading import ModuleGrader
from autograder.models import Outcome
from tests.autograder.hostile import WORTH, Case, read_corpus
from tests.require import executable

CORPUS = read_corpus()
CLASS = {  # folder name → case; folders are graded in the order of their names, honest students before and after
    "0 first": "",
    "+an": "scripts-formula_in_exceptions",
    "=an": "scripts-script_in_exceptions",
    '@SUM(1);=cmd|"calc"!A0': "scripts-script_in_outputs",
    "an": "",
    "b1": "scripts-half_a_character_in_outputs",
    "b2": "structure-cells_without_parts",
    "b3": "paths-notebook_is_a_pipe",
    "b4": "paths-notebook_folder_is_a_link",
    "c1": "background-message_to_the_next",
    "c2": "background-message_from_the_last",
    "d1": "exits-kill_everybody",
    "d2": "forged-malformed_frames",
    "d3": "bombs-fork_bomb",
    "d4": "scripts-half_a_character_in_exceptions",
    "zoe": "",
}
LIMITS = """{ cell_s = 2, call_s = 2, examine_s = 3, total_s = 20, memory_mb = 1000, processes = 64, disk_mb = 8,
output_mb = 2 }"""


@pytest.fixture(scope="module", autouse=True)
def _bubblewrap() -> None:
    executable("bwrap", way_out="Install bubblewrap: these submissions are never run without walls.")


@pytest.fixture(scope="module")
def strict_course(course: Course, tmp_path_factory: pytest.TempPathFactory) -> Course:
    """The tiny course with tight limits."""
    root = shutil.copytree(course.root, tmp_path_factory.mktemp("hostile") / "course")
    settings = root / "solutions" / "course.toml"
    text, replaced = re.subn(r"limits = .*", f"limits = {' '.join(LIMITS.split())}", settings.read_text("utf-8"))
    assert replaced == 1
    settings.write_text(text, "utf-8")
    return load_course(root)


@pytest.fixture(scope="module")
def grader(strict_course: Course) -> Iterator[ModuleGrader]:
    grader = ModuleGrader(strict_course, "words")
    yield grader
    grader.sandbox.close()


def test_the_corpus_is_wide_and_well_formed() -> None:
    """Each case has a name of its own, and strikes and costs only what exists."""
    cells = {*WORTH, "code-guard"}
    assert len({(case.family, case.name) for case in CORPUS}) == len(CORPUS) >= 60
    assert len({case.family for case in CORPUS}) >= 13
    for case in CORPUS:
        assert case.strikes, case.name
        assert case.strikes.keys() <= cells | {"notebook", "file"}, case.name
        assert set(case.costs) <= set(WORTH), case.name


@pytest.mark.parametrize("blank", [True, pytest.param(False, marks=pytest.mark.thorough)], ids=["blank", "partly"])
@pytest.mark.parametrize("case", CORPUS, ids=lambda case: f"{case.family}-{case.name}")
def test_nothing_is_gained_and_nothing_honest_is_lost(
    case: Case, grader: ModuleGrader, strict_course: Course, tmp_path: Path, *, blank: bool
) -> None:
    """On a blank lab it ends with 0 points, on partly right work with exactly what was right, in bounded time."""
    path = case.mount(strict_course, tmp_path / "student" / "words" / "words.ipynb", blank=blank)
    grade = grader.grade_file(path, "student").grade
    found = {rubric: getattr(grade, rubric) for rubric in strict_course.rubrics}
    reasons = [(check.cell, check.outcome.value, check.reason[:300]) for check in grade.checks]
    assert found == (dict.fromkeys(strict_course.rubrics, 0) if blank else case.earned()), (grade.flags, reasons)
    assert grade.seconds < 30
    assert any(case.flagged in flag for flag in (*grade.flags, "")), grade.flags
    assert not [reason for reason in reasons if reason[1] == Outcome.ERRORED], grade.flags


def test_neighbours_in_a_class_are_graded_as_if_it_were_not_there(
    strict_course: Course, handed_in: Callable[..., str], tmp_path: Path
) -> None:
    """The batch finishes, honest students have full marks, and nothing that it wrote runs in a table or a browser."""
    cases = {f"{case.family}-{case.name}": case for case in CORPUS}
    for folder, name in CLASS.items():
        path = tmp_path / "students" / folder / "words" / "words.ipynb"
        if name:
            cases[name].mount(strict_course, path)
        else:
            path.parent.mkdir(parents=True)
            path.write_text(handed_in(), "utf-8")
    entries = find_submissions(strict_course, tmp_path / "students")
    grades = grade_class(strict_course, entries, tmp_path / "out")
    assert len({grade.student for grade in grades}) == len(CLASS)
    for entry, grade in zip(entries, grades, strict=True):
        case = cases.get(CLASS[entry.path.parent.parent.name])
        assert grade.total == (sum(case.earned().values()) if case else 9), (entry.path, grade.flags)
    with (tmp_path / "out" / "grades.csv").open(newline="", encoding="utf-8") as file:
        texts = [text for row in csv.reader(file) for text in row]
    assert not [text for text in texts if re.search(r"(^|[;\t\n])\s*[=+@-]", text)]
    pages = [page.read_text("utf-8") for page in (tmp_path / "out").rglob("*.html")]
    assert len(pages) == len(CLASS) + 1
    assert not [page for page in pages if re.search(r"<script|<(img|svg)[^>]*\son|href=.javascript", page)]
