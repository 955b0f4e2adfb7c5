"""The progress table tells what was attempted and what the visible checks said, from saved notebooks alone."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_output

from autograder.build import load_lab, student_notebook
from autograder.course import Course, load_course
from autograder.progress import progress_table, read_progress

ROOT = Path(__file__).resolve().parents[2]
FAILED = new_output("error", ename="Failure", evalue="not yet", traceback=["Not yet: …"])


@pytest.fixture
def labs(course: Course, tmp_path: Path) -> Path:
    """A folder with the small course's one lab, as it is given out."""
    save(tmp_path, student_notebook(load_lab(course, "words")))
    return tmp_path


def save(labs: Path, notebook: nbformat.NotebookNode) -> None:
    """Save as JupyterLab does, text in lists of lines."""
    (labs / "words").mkdir(exist_ok=True)
    nbformat.write(notebook, labs / "words" / "words.ipynb")


def work(labs: Path, texts: dict[str, str] | None = None, *, ran: dict[str, bool] | None = None) -> None:
    """Give cells other `texts`, and let checks have `ran`: passed or not."""
    notebook = nbformat.read(labs / "words" / "words.ipynb", as_version=4)
    cells = {cell.id: cell for cell in notebook.cells}
    for name, text in (texts or {}).items():
        cells[name].source = text
    for number, (name, passed) in enumerate((ran or {}).items(), start=1):
        cells[name].execution_count = number
        cells[name].outputs = [] if passed else [FAILED]
    save(labs, notebook)


def row(labs: Path) -> list[str]:
    """What the table says of the lab, by column."""
    line = next(line for line in progress_table(labs).splitlines() if "words/words.ipynb" in line)
    return [text.strip() for text in line.strip("|").split("|")]


def test_a_fresh_lab_has_nothing_attempted(labs: Path) -> None:
    """Untouched cells are told by nbgrader's own checksum; running the stubs attempts nothing."""
    checks = {cell.id: False for cell in nbformat.read(labs / "words/words.ipynb", 4).cells if "check" in cell.id}
    assert row(labs) == ["[Counting words](words/words.ipynb)", "–", "–", "–", "–"]
    work(labs, ran=checks)
    assert row(labs)[1:] == ["–"] * 4


def test_every_lab_of_the_course_is_read_as_untouched() -> None:
    """The formula holds for each kind of cell that the course has, and each lab has its title."""
    course = load_course(ROOT)
    found = read_progress(ROOT / "labs")
    assert [module.module for module in found] == [module.id for module in course.modules]
    for module in found:
        assert module.trouble == ""
        assert module.changed_checks == ()
        assert all(line.tasks and line.attempted == 0 for line in module.lines.values()), module.module
        assert module.title.startswith(f"{module.module[:2]} · ")


def test_answers_and_checks_are_counted(labs: Path) -> None:
    """Theory counts answers; code and results count the checks that pass; what was not run is said below the table."""
    work(labs, {"theory-rare": "theory_rare = 'B'", "code-count": "def count(text):\n    return {}"})
    work(labs, ran={"theory-rare-check": True, "code-count-check": False})
    (module,) = read_progress(labs)
    assert module.lines["code"].checks == Counter({"not yet": 1, "not run": 1})
    assert row(labs)[1:3] == ["1 of 2 answered", "0 of 2 checks pass"]
    work(labs, ran={"code-count-check": True})
    assert row(labs)[2] == "1 of 2 checks pass"


def test_a_check_that_was_not_run_is_named_as_such(labs: Path) -> None:
    """An answer whose check never ran has not passed, and the way out is said."""
    work(labs, {"code-count": "def count(text):\n    return {}"})
    assert row(labs)[2] == "0 of 2 checks pass"
    assert "`words`: 2 checks were not run" in progress_table(labs)


def test_a_changed_check_is_told(labs: Path) -> None:
    """Who bends a check sees that the grader brings its own."""
    work(labs, {"code-count-check": "assert True"})
    assert "`words`: you changed `code-count-check`. That does no harm, and no good" in progress_table(labs)


@pytest.mark.parametrize("text", ["", "<<<<<<< HEAD\n{}", "[]", '{"cells": [{"cell_type": "code"}]}', '{"cells": 3}'])
def test_a_damaged_notebook_is_one_row_and_no_crash(labs: Path, text: str) -> None:
    """The other modules are still shown, and the damaged one has its way out."""
    (labs / "words" / "words.ipynb").write_text(text)
    (labs / "words.previous").mkdir()
    assert row(labs)[1:] == ["?"] * 4
    assert "`words` cannot be read (" in progress_table(labs)


def test_a_folder_without_labs_is_said(tmp_path: Path) -> None:
    """Opened elsewhere, the page says where it looked."""
    assert progress_table(tmp_path).startswith(f"No lab lies in {tmp_path}.")
