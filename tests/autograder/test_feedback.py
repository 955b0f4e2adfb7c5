"""A student's page: their own text beside the reason, nothing of hidden tests or solutions, and what to do next."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_output

from autograder.build import load_lab
from autograder.course import Course
from autograder.feedback import MAX_TEXT, explained, headings, next_step, steps
from autograder.models import Grade, Lab, Outcome
from tests.autograder.classes import graded as graded_as

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(60)).decode()


@pytest.fixture(scope="module")
def lab(course: Course) -> Lab:
    """The tiny course's one module."""
    return load_lab(course, "words")


def ran(graded: Path, student: str):
    """The notebook that was run for `student`."""
    return nbformat.read(graded / "autograded" / student / "words" / "words.ipynb", as_version=4)


def test_checks_stand_in_notebook_order_with_their_tasks(lab: Lab, graded: Path, grades: dict[str, Grade]) -> None:
    """Each failed check has its reason in parts and the text that the student wrote, once."""
    found = steps(grades["wrong"], lab, ran(graded, "wrong"))
    order = [cell.id for cell in lab.cells]
    assert [step.check.cell for step in found] == sorted((s.check.cell for s in found), key=order.index)
    count = next(step for step in found if step.check.cell == "code-count-check")
    assert count.heading == "Counting words"
    assert [name for name, _ in count.reason.rows][:3] == ["input", "expected", "got"]
    assert [answer.text for answer in count.answers] == ["def count(text):\n    return {}"]
    shown = [answer.cell for step in found for answer in step.answers]
    assert sorted(shown) == sorted({"code-count", "theory-rare", "results-file", "report-text"})


def test_pages_hold_no_hidden_test_and_no_solution(course: Course, lab: Lab, graded: Path) -> None:
    """Lines that only the instructor's notebook has are on nobody's page, except where the student wrote them."""
    given = course.student_notebook("words").read_text("utf-8")
    secret = [
        line.strip()
        for cell in lab.cells
        if cell.role == "check"
        for line in cell.source.splitlines()
        if len(line.strip()) > 30 and line.strip().replace('"', '\\"') not in given
    ]
    assert secret
    for student in ("wrong", "blank", "raises", "exits", "truncated", "crashes"):
        page = (graded / "feedback" / student / "index.html").read_text("utf-8")
        assert not [line for line in secret if line[:30] in page]
    blank = (graded / "feedback" / "blank" / "index.html").read_text("utf-8")
    assert "Counter(" not in blank
    assert "carry the meaning" not in blank


def test_only_text_and_pictures_of_outputs_are_shown(lab: Lab, graded: Path, grades: dict[str, Grade]) -> None:
    """HTML, scripts, SVG, other cells' outputs and what only calls itself a PNG stay out; long text is cut."""
    notebook = ran(graded, "wrong")
    cell = next(cell for cell in notebook.cells if cell.id == "code-count")
    cell.outputs = [
        new_output("stream", name="stdout", text="\x1b[31mred\x1b[0m \x07" + "x" * 2 * MAX_TEXT),
        new_output("display_data", {"text/html": "<script>markup()</script>", "text/plain": "a table"}),
        new_output("display_data", {"application/javascript": "script()", "image/svg+xml": "<svg onload='drawn()'/>"}),
        new_output("display_data", {"image/png": PNG}),
        new_output("display_data", {"image/png": base64.b64encode(b"<script>").decode()}),
        new_output("display_data", {"image/png": "'><script>alert(1)</script>"}),
    ]
    for other in notebook.cells:
        if other.id == "setup":
            other.outputs = [new_output("stream", name="stdout", text="not of a task")]
    shown = next(answer for step in steps(grades["wrong"], lab, notebook) for answer in step.answers if answer.printed)
    assert shown.pictures == (PNG,)
    assert shown.printed.startswith("red \ufffdxxx")
    assert len(shown.printed) < MAX_TEXT + 50
    everything = str([step.answers for step in steps(grades["wrong"], lab, notebook)])
    assert not [word for word in ("markup()", "script()", "drawn()", "not of a task") if word in everything]


def test_errors_of_a_cell_are_shown_plainly(lab: Lab, graded: Path, grades: dict[str, Grade]) -> None:
    """A cell that raised shows its traceback without terminal colours."""
    found = steps(grades["crashes"], lab, ran(graded, "crashes"))
    printed = next(answer.printed for step in found for answer in step.answers if answer.cell == "code-count")
    assert "ZeroDivisionError" in printed
    assert "\x1b" not in printed


@pytest.mark.parametrize(
    ("outcomes", "words"),
    [
        ({}, "Your instructor still has to read"),
        ({"code-guard-check": Outcome.FAILED}, r"One check is still open. Begin with “guard” \(Counting words\)"),
        ({"code-guard-check": Outcome.FAILED, "theory-rare-check": Outcome.FAILED}, r"2 checks.* Begin with “rare”"),
        ({"results-file-check": Outcome.NOT_REACHED}, "stopped before “file”"),
        ({"results-file-check": Outcome.NOT_ATTEMPTED}, "What you tried holds. Go on with “file”"),
        ({"results-file-check": Outcome.ERRORED}, "nothing for you to mend"),
        (Outcome.NOT_REACHED, "hand it in"),
    ],
)
def test_next_step_fits_what_happened(lab: Lab, outcomes: dict[str, Outcome] | Outcome, words: str) -> None:
    """One line for each way in which a submission can end."""
    grade = graded_as(lab, "an", outcomes)
    assert re.search(words, next_step(grade, steps(grade, lab, None)).text)


def test_blank_work_is_invited_to_begin(lab: Lab, grades: dict[str, Grade]) -> None:
    """Who has not begun is told where."""
    grade = grades["blank"]
    assert "Start with “rare”" in next_step(grade, steps(grade, lab, None)).text
    assert not [step.answers for step in steps(grade, lab, None) if step.answers]


def test_everything_passed_and_marked_is_praised(lab: Lab, grades: dict[str, Grade]) -> None:
    """With nothing left to do, the page says so."""
    assert next_step(grades["full"], steps(grades["full"], lab, None)).text.startswith("Every check passed, well done.")


def test_a_cell_that_the_lab_no_longer_has_is_shown_last(lab: Lab, grades: dict[str, Grade]) -> None:
    """A course that was edited since grading does not hide a check."""
    old = grades["full"].checks[0].model_copy(update={"cell": "code-gone-check"})
    grade = grades["full"].model_copy(update={"checks": (old, *grades["full"].checks[1:])})
    last = steps(grade, lab, None)[-1]
    assert (last.check.cell, last.title, last.heading) == ("code-gone-check", "gone", "")


def test_headings_inside_examples_are_none(lab: Lab) -> None:
    """A line that begins with # in a fenced example is not a heading."""
    cells = list(lab.cells)
    cells[0] = type(cells[0])(
        id="top", kind="markdown", role="plain", source="## Real\n```text\n# not one\n```\nand more", line=1
    )
    assert headings(Lab("words", lab.path, tuple(cells)))["theory-rare-check"] == "Real"


def test_reasons_that_are_not_from_expect_stay_whole() -> None:
    """Free text after the first line is kept as it is."""
    reason = explained("it raised KeyError\n  your cell, line 2\n    x['a']")
    assert (reason.lead, reason.rows, reason.rest) == (
        "it raised KeyError",
        (),
        "  your cell, line 2\n    x['a']",
    )
