"""One source makes both notebooks, the same bytes each time, and nothing of the instructor's reaches students."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import nbformat
import pytest

from autograder.build import (
    build_module,
    build_page,
    instructor_notebook,
    load_lab,
    stale_files,
    stale_pages,
    student_notebook,
)
from autograder.course import Course, load_course
from autograder.errors import GraderError, SourceError
from autograder.grading import ModuleGrader
from autograder.source import read_lab
from autograder.trial import whole_submission

ROOT = Path(__file__).parents[2]


@pytest.fixture
def copy(course: Course, tmp_path: Path) -> Course:
    """The tiny course, to change."""
    shutil.copytree(course.root, tmp_path / "course")
    return load_course(tmp_path / "course")


def rewrite(course: Course, old: str, new: str) -> None:
    """Replace `old` in the module's source, where it must stand."""
    path = course.source("words")
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")


def test_notebooks_are_valid_and_deterministic(course: Course) -> None:
    """Building twice gives the same bytes, and nbformat accepts them."""
    lab = load_lab(course, "words")
    for make in (instructor_notebook, student_notebook):
        first, second = make(lab), make(lab)
        nbformat.validate(first)
        assert nbformat.writes(first) == nbformat.writes(second)


@pytest.mark.thorough
def test_the_yardstick_builds_and_grades(tmp_path: Path) -> None:
    """The reference assignment of `make bench` passes the build, and its solution earns everything.

    Here without Evidently: the assignment imports it for its weight, as real ones do, and calls nothing of it.
    """
    shutil.copytree(ROOT / "tests" / "courses" / "reference", tmp_path / "course")
    for name, heavy in (("reference.py", "import evidently\n"), ("course.toml", ', "evidently"')):
        path = tmp_path / "course" / "solutions" / name
        assert path.read_text("utf-8").count("evidently") == 1
        path.write_text(path.read_text("utf-8").replace(heavy, ""), "utf-8")
    course = load_course(tmp_path / "course")
    build_module(course, "reference")
    assert not stale_files(course, "reference")
    grader = ModuleGrader(course, "reference")
    grade = grader.grade_submission(whole_submission(grader), "solution").grade
    assert grade.total + grade.pending == sum(course.rubric.values())


def test_students_get_no_answers(course: Course) -> None:
    """Neither solutions, nor keys, nor hidden tests, nor outputs are in the student's notebook."""
    text = course.student_notebook("words").read_text("utf-8")
    for secret in ("Counter(text.split())", "key=", "HIDDEN", "SOLUTION", "Rare words carry", "secret=True"):
        assert secret not in text
    for cell in nbformat.read(course.student_notebook("words"), 4).cells:
        assert not cell.get("outputs")


def test_folded_cells_hide_their_source(course: Course) -> None:
    """`folded=true` tells JupyterLab to show a cell's output and not its code."""
    cells = {c.id: c.metadata for c in nbformat.read(course.student_notebook("words"), 4).cells}
    assert cells["setup"]["jupyter"] == {"source_hidden": True}
    assert "jupyter" not in cells["imports"]


def test_instructor_notebook_holds_outputs(course: Course) -> None:
    """The executed copy shows what a student should see."""
    cells = {c.id: c for c in nbformat.read(course.instructor_notebook("words"), 4).cells}
    assert cells["setup"].outputs[0].text == "ready\n"


def test_check_tells_what_is_stale(copy: Course) -> None:
    """`build --check` is quiet when files are current and names the ones that are not."""
    assert stale_files(copy, "words") == []
    rewrite(copy, "A small course", "A tiny course")
    assert [reason.split()[0] for reason in stale_files(copy, "words")] == [
        "labs/words/words.ipynb",
        "solutions/words/words.ipynb",
    ]
    copy.student_notebook("words").unlink()
    assert "missing" in stale_files(copy, "words")[0]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('check="code-guard" points=2', 'check="code-guard" points=3', "code adds up to 5 points, not 4"),
        ('id="code-guard" task=true', 'id="code-count" task=true', r"words.py:\d+: id 'code-count' stands already on"),
        ('check="code-guard"', 'check="code-gard"', r"words.py:\d+: check 'code-guard-check' judges 'code-gard'"),
        ('check="code-guard" points=2', 'check="code-guard"', r"words.py:\d+: cell 'code-guard-check' has no points"),
        ("task=true", "taks=true", r"words.py:\d+: cell header: taks"),
        ('expect(first(["a", "b"]), "a")', "expect(frist, 1)", r"check 'code-guard-check' uses frist, which neither"),
        ("def first(words):", "attempt = None\ndef first(words):", "'code-guard-check' uses attempt, which both"),
        ("    return words[0]\n    ### END SOLUTION", "    return words[0]", "cell 'code-guard' has not as many"),
        ('theory_rare = "A"', 'theory_rare = "X"', "the solution's own answer has the wrong form"),
        ('theory_rare = "A"', "theory_rare = chr(65)", "must assign theory_rare a literal"),
        ('answer="choice"', 'answer="chioce"', "kinds are choice, several"),
        ('id="results-file"', 'id="result file"', "must be 1–64 characters"),
        ('id="setup" folded=true', 'id="setup" points=2', "nothing judges it"),
        ("task=true", "task=true prepares=true", "prepares=true is for a given cell of code"),
        (
            "folder = pathlib",
            "### BEGIN SOLUTION\n### END SOLUTION\nfolder = pathlib",
            "holds a solution",
        ),
    ],
)
def test_sources_that_cannot_be_graded_do_not_build(copy: Course, old: str, new: str, message: str) -> None:
    """Each mistake of an author is refused with the place and the reason."""
    rewrite(copy, old, new)
    with pytest.raises(SourceError, match=message):
        load_lab(copy, "words")


def test_a_solution_that_fails_does_not_build(copy: Course) -> None:
    """An instructor's notebook with an error in it is never written."""
    before = copy.instructor_notebook("words").read_text("utf-8")
    rewrite(copy, "return dict(Counter(text.split()))", "return {}")
    with pytest.raises(GraderError, match="cell code-count-check"):
        build_module(copy, "words")
    assert copy.instructor_notebook("words").read_text("utf-8") == before


def test_theory_share_is_enforced(copy: Course) -> None:
    """A lab that is all theory does not build where the course wants half."""
    path = copy.root / "solutions" / "course.toml"
    path.write_text("theory_share = [0.45, 0.55]\n" + path.read_text("utf-8"), "utf-8")
    with pytest.raises(SourceError, match=re.escape("theory takes 100% of the minutes; course.toml wants 45% to 55%")):
        load_lab(load_course(copy.root), "words")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("modulse = []", "modulse: Extra inputs are not permitted"),
        ("title = ", "is not TOML"),
        ("title = 'x'", "modules: Field required"),
    ],
)
def test_course_typos_are_refused(tmp_path: Path, text: str, message: str) -> None:
    """A misspelt key in course.toml is an error that names it."""
    (tmp_path / "solutions").mkdir()
    (tmp_path / "solutions" / "course.toml").write_text(text, "utf-8")
    with pytest.raises(GraderError, match=message):
        load_course(tmp_path)


def test_missing_course_and_module_say_what_is_there(course: Course, tmp_path: Path) -> None:
    """No course.toml, an unknown module and a missing source each say so."""
    with pytest.raises(GraderError, match="no course here"):
        load_course(tmp_path)
    with pytest.raises(GraderError, match="no module 'wrods' in course"):
        course["wrods"]
    with pytest.raises(SourceError, match="does not exist"):
        read_lab(tmp_path / "words.py")


def test_a_page_has_no_points_and_is_built_as_labs_are(copy: Course) -> None:
    """A notebook beside the modules is made from its source, goes stale with it, and may not be graded."""
    course = copy.model_copy(update={"pages": ("start",)})
    source = course.page_source("start")
    source.write_text('# %% [markdown] id="welcome"\n# # Welcome\n', "utf-8")
    build_page(course, "start")
    assert [cell.source for cell in nbformat.read(course.page("start"), as_version=4).cells] == ["# Welcome"]
    assert stale_pages(course) == []
    source.write_text('# %% [markdown] id="welcome"\n# # Good morning\n', "utf-8")
    assert stale_pages(course) == ["labs/start.ipynb is not what start.py makes; run `make build`"]
    source.write_text(course.source("words").read_text("utf-8"), "utf-8")
    with pytest.raises(SourceError, match="has points, and a page has none"):
        build_page(course, "start")
