"""nbgrader's own example course, what `nbgrader quickstart` writes, graded as it is, outside the student's process."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import nbformat
import nbgrader as stock
import pytest
from nbformat.v4 import new_code_cell
from nbgrader.api import Gradebook

from autograder.cli import main
from autograder.course import load_course
from autograder.errors import GraderError
from autograder.models import Grade, Outcome
from autograder.nbgrader_course import adopt_course, find_handed_in
from autograder.record import read_record
from autograder.regrade import regrade

HOSTILE = """class Equal:
    def __eq__(self, other):
        return True

    __hash__ = None


def squares(n):
    return Equal()


def sum_of_squares(n):
    return Equal()
"""
HELPED = "def squares(n):\n    return squares_up_to(n)"
HELPER = """def squares_up_to(n):
    if n < 1:
        raise ValueError("too small")
    return [i * i for i in range(1, n + 1)]
"""
NOTEBOOKS = ("problem1", "problem2")


@pytest.fixture(scope="module")
def course101(nbgrader, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """nbgrader's example course with its release version, and submissions made from that.

    The example and the setting for it are taken from where `nbgrader quickstart` has them: the command itself starts
    nbgrader four times more, to enter three students that nobody needs here.
    """
    root = tmp_path_factory.mktemp("nbgrader") / "course101"
    example = Path(stock.__file__).parent / "docs" / "source" / "user_guide" / "source"
    shutil.copytree(example, root / "source", ignore=shutil.ignore_patterns("*.html", "ps1_autotest"))
    settings = 'c = get_config()\nc.IncludeHeaderFooter.header = "source/header.ipynb"\n'
    (root / "nbgrader_config.py").write_text(settings, "utf-8")
    made = nbgrader("generate_assignment", "ps1", cwd=root)
    assert made.returncode == 0, made.stderr
    for student in ("blank", "full", "helped", "hostile"):
        (root / "submitted" / student / "ps1").mkdir(parents=True)
        for name in NOTEBOOKS if student in ("blank", "full") else NOTEBOOKS[:1]:
            nbformat.write(handed_in(root, student, name), root / "submitted" / student / "ps1" / f"{name}.ipynb")
    (root / "submitted" / "missing" / "ps1").mkdir(parents=True)
    return root


def handed_in(root: Path, student: str, name: str) -> nbformat.NotebookNode:
    """The release version with the student's work in its solution cells."""
    notebook = nbformat.read(root / "release" / "ps1" / f"{name}.ipynb", as_version=4)
    source = nbformat.read(root / "source" / "ps1" / f"{name}.ipynb", as_version=4)
    solutions = {cell.metadata.nbgrader.grade_id: cell.source for cell in source.cells if "nbgrader" in cell.metadata}
    if student == "hostile":
        solutions |= dict.fromkeys(("squares", "sum_of_squares"), HOSTILE)
    if student == "helped":
        solutions["squares"] = HELPED
        first = next(i for i, cell in enumerate(notebook.cells) if cell.metadata.get("nbgrader", {}).get("solution"))
        notebook.cells.insert(first, new_code_cell(HELPER))
        notebook.cells.append(new_code_cell("sum(range(11)), 10 * 11 / 2"))
    for cell in notebook.cells:
        about = cell.metadata.get("nbgrader", {})
        if about.get("solution") and student != "blank":
            cell.source = solutions[about["grade_id"]]
    return notebook


@pytest.fixture(scope="module")
def out(course101: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The class, graded with the command that an instructor types; 1 says that something needs a look."""
    out = tmp_path_factory.mktemp("graded")
    arguments = ["grade", str(course101 / "submitted"), "--source", str(course101 / "source"), "--out", str(out)]
    assert main([*arguments, "--workers", "1"]) == 1
    return out


@pytest.fixture(scope="module")
def problem1(out: Path) -> dict[str, Grade]:
    """Each student's grade of the first notebook."""
    rows = json.loads((out / "grades.json").read_text("utf-8"))
    for row in rows:
        row.pop("total")
    grades = [Grade.model_validate(row) for row in rows]
    return {grade.student: grade for grade in grades if grade.module == "ps1.problem1"}


def test_tables_have_one_column_of_points(out: Path) -> None:
    """No grade id names a category, so all points are of one; each notebook has its line."""
    with (out / "grades.csv").open(newline="", encoding="utf-8") as file:
        rows = {(row["student"], row["module"]): row for row in csv.DictReader(file)}
    assert list(rows["full", "ps1.problem1"]) == ["student", "module", "points", "pending", "total", "flags"]
    assert len(rows) == 10
    full, empty = rows["full", "ps1.problem1"], rows["missing", "ps1.problem2"]
    assert (full["points"], full["pending"], full["total"]) == ("2.5", "3", "2.5")
    assert (empty["points"], empty["pending"], empty["flags"]) == ("0", "0", "missing notebook")


@pytest.mark.parametrize(
    ("student", "points", "pending"),
    [("full", 2.5, 3), ("helped", 2.5, 7), ("blank", 0, 0), ("hostile", 0, 3), ("missing", 0, 0)],
)
def test_points(problem1: dict[str, Grade], student: str, points: float, pending: float) -> None:
    """The solution earns all that a check can give, untouched work nothing, an object that equals everything nothing.

    What a person marks is pending: the two written cells, and the four points of the task that `helped` answered.
    """
    assert (problem1[student].points, problem1[student].pending) == (points, pending)


def test_what_a_check_cannot_do_is_named(problem1: dict[str, Grade]) -> None:
    """The check that deletes the student's function is left to a person, by name, never scored."""
    checks = {check.cell: check for check in problem1["full"].checks}
    unjudged = checks["sum_of_squares_uses_squares"]
    assert (unjudged.outcome, unjudged.points, unjudged.possible) == (Outcome.ERRORED, 0, 0.5)
    assert "mark it by hand: it deletes or rebinds squares" in unjudged.reason
    assert any("sum_of_squares_uses_squares: cannot be judged" in flag for flag in problem1["full"].flags)
    untouched = {check.cell: check.outcome for check in problem1["blank"].checks}
    assert set(untouched.values()) == {Outcome.NOT_ATTEMPTED}


def test_the_gradebook_knows_the_assignment(out: Path) -> None:
    """Formgrader finds assignment ps1 with both notebooks, their scores, and what waits for a person."""
    with Gradebook(f"sqlite:///{out / 'gradebook.db'}") as book:
        assert [assignment.name for assignment in book.assignments] == ["ps1"]
        assert {notebook.name: notebook.max_score for notebook in book.find_assignment("ps1").notebooks} == {
            "problem1": 10,
            "problem2": 3,
        }
        rows = {row.student.id: row for row in book.assignment_submissions("ps1")}
        assert {student: row.score for student, row in rows.items()} == {
            "blank": 0,
            "full": 2.5,
            "helped": 2.5,
            "hostile": 0,
            "missing": 0,
        }
        assert (rows["full"].needs_manual_grade, rows["blank"].needs_manual_grade) == (True, False)
    for student in ("full", "blank"):
        for kind in ("submitted", "autograded"):
            assert {path.stem for path in (out / kind / student / "ps1").glob("*.ipynb")} == set(NOTEBOOKS)


def test_the_students_own_cells_are_run_and_kept(out: Path) -> None:
    """A helper in a cell of the student's own works, and whoever marks the written parts sees it."""
    notebook = nbformat.read(out / "autograded" / "helped" / "ps1" / "problem1.ipynb", as_version=4)
    assert HELPER.strip() in [cell.source.strip() for cell in notebook.cells]


def test_stock_nbgrader_agrees_on_honest_work(
    nbgrader, course101: Path, problem1: dict[str, Grade], tmp_path: Path
) -> None:
    """Cell by cell nbgrader's autograde gives honest work the same points, and the hostile object full marks."""
    root = tmp_path / "course101"
    shutil.copytree(course101, root)
    shutil.rmtree(root / "submitted" / "missing")
    done = nbgrader("autograde", "ps1", cwd=root)
    assert done.returncode == 0, done.stderr
    with Gradebook(f"sqlite:///{root / 'gradebook.db'}") as book:
        for student in ("full", "helped", "blank", "hostile"):
            ours = {check.cell: check for check in problem1[student].checks}
            for row in book.find_submission_notebook("problem1", "ps1", student).grades:
                check = ours[row.cell.name]
                if student == "hostile" and row.cell.name.startswith("correct"):
                    assert (row.auto_score, check.points) == (row.max_score, 0)
                elif check.outcome in (Outcome.PASSED, Outcome.FAILED):
                    assert row.auto_score == check.points, (student, row.cell.name)


def test_a_record_of_it_can_be_regraded(out: Path) -> None:
    """The course that was made of the folder regrades a record as any other course does."""
    path = out / "records" / "full" / "ps1.problem1.json"
    assert read_record(path).checks["correct_squares"].points == 1
    again = regrade(load_course(out / "course"), path)
    assert (again.equal, again.causes, again.checks) == (True, (), 7)


def test_folders_without_notebooks_or_submissions_say_so(course101: Path, tmp_path: Path) -> None:
    """A wrong folder is an error that names what was expected there."""
    with pytest.raises(GraderError, match="holds no graded notebooks; expected"):
        adopt_course(tmp_path, tmp_path / "out")
    course = adopt_course(course101, tmp_path / "out")
    with pytest.raises(GraderError, match="is no folder; pass one that holds a folder per student"):
        find_handed_in(course, tmp_path / "nowhere")
    (tmp_path / "students" / "an").mkdir(parents=True)
    with pytest.raises(GraderError, match=r"it has ps1.problem1, ps1.problem2"):
        find_handed_in(course, tmp_path / "students")
    (entry,) = find_handed_in(course, tmp_path / "students", "ps1.problem2")
    assert (entry.student, entry.path.name) == ("an", "problem2.ipynb")
