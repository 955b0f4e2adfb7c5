"""A source notebook of nbgrader's becomes a lab: where names come from, what checks judge, what they cannot do."""

from __future__ import annotations

import json
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from autograder.boundary import crossing_problems
from autograder.cli import main
from autograder.errors import SourceError
from autograder.models import Lab, Outcome
from autograder.nbgrader_course import adopt_course
from autograder.nbgrader_notebook import read_nbgrader
from autograder.support_files import MAX_BYTES

KINDS = {
    "locked": {"grade": False, "solution": False, "locked": True},
    "task": {"grade": False, "solution": True, "locked": False},
    "check": {"grade": True, "solution": False, "locked": True},
    "manual": {"grade": True, "solution": True, "locked": False},
}
SCALE = """def scale(rows):
    ### BEGIN SOLUTION
    import numpy as np
    return np.asarray(rows) * FACTOR
    ### END SOLUTION"""
SOLVED = "return np.asarray(rows) * FACTOR"


def graded(kind: str, name: str, source: str, points: float | None = None) -> nbformat.NotebookNode:
    """A cell as nbgrader's Create Assignment toolbar marks it."""
    about = {"schema_version": 3, "grade_id": name, "task": False, **KINDS[kind]}
    if points is not None:
        about["points"] = points
    return new_code_cell(source, metadata={"nbgrader": about})


def course(folder: Path, *cells: nbformat.NotebookNode) -> Path:
    """A source notebook of `cells`, in a course's folder."""
    path = folder / "course" / "source" / "hw 1" / "scaling.ipynb"
    path.parent.mkdir(parents=True)
    nbformat.write(new_notebook(cells=list(cells)), path)
    return path


@pytest.fixture
def scaling(tmp_path: Path) -> Path:
    """An assignment with what such notebooks hold: set-up, constants, a data file, hidden tests, two categories."""
    path = course(
        tmp_path,
        new_markdown_cell("# Scaling"),
        new_code_cell("%matplotlib inline\nimport numpy as np\nimport csv\nFACTOR = 3"),
        graded("locked", "read", 'rows = [float(row[0]) for row in csv.reader(open("rows.csv"))]'),
        graded("task", "code-scale", SCALE),
        graded("check", "code-scale-1", "np.testing.assert_allclose(scale([1, 2]), [FACTOR, 2 * FACTOR])", 2),
        graded(
            "check",
            "code-hidden",
            "### BEGIN HIDDEN TESTS\nassert scale([5])[0] == 5 * FACTOR\n### END HIDDEN TESTS",
            1,
        ),
        graded("check", "code-rows", "assert len(scale(rows)) == 3", 1),
        graded("task", "total", "### BEGIN SOLUTION\ntotal = float(sum(scale(rows)))\n### END SOLUTION"),
        graded("check", "results-total", "assert abs(total - 18) < 1e-9", 2),
        graded("check", "results-free", "assert 1 + 1 == 2", 1),
        graded("check", "results-type", "assert repr(scale).startswith('<function scale')", 1),
        graded("manual", "why", "why = 'because'", 4),
    )
    (path.parent / "rows.csv").write_text("1\n2\n3\n", "utf-8")
    (path.parent / "notes.txt").write_text("not used by any cell", "utf-8")
    return path


@pytest.fixture
def lab(scaling: Path) -> Lab:
    """The assignment as the grader reads it."""
    return read_nbgrader(scaling, "hw 1.scaling")


def test_cells_take_the_roles_that_nbgrader_gave_them(lab: Lab) -> None:
    """Solutions are tasks, tests are checks, manual cells are written; cells without a grade id are the student's."""
    assert {cell.id: (cell.role, cell.rubric, cell.points) for cell in lab.cells if cell.role != "plain"} == {
        "code-scale": ("task", "code", 0),
        "code-scale-1": ("check", "code", 2),
        "code-hidden": ("check", "code", 1),
        "code-rows": ("check", "code", 1),
        "total": ("task", None, 0),
        "results-total": ("check", "results", 2),
        "results-free": ("check", "results", 1),
        "results-type": ("check", "results", 1),
        "why": ("written", "points", 4),
    }
    assert [cell.id for cell in lab.with_role("plain")] == ["support-files", "read"]
    assert lab.gradebook_names == ("hw 1", "scaling")


def test_checks_judge_the_cells_whose_names_they_use(lab: Lab) -> None:
    """A check's tasks are those that assign what it uses."""
    targets = {cell.id: cell.targets for cell in lab.with_role("check")}
    assert targets["code-hidden"] == ("code-scale",)
    assert targets["results-total"] == ("total",)


def test_imports_and_constants_come_from_the_source(lab: Lab) -> None:
    """A check brings its imports and constants, so a student's patched numpy judges nothing."""
    assert lab["code-scale-1"].source.split("\n")[:2] == ["FACTOR = 3", "import numpy as np"]
    assert lab["results-total"].source == "assert abs(total - 18) < 1e-9"


def test_names_out_of_reach_are_named(lab: Lab) -> None:
    """What only a plain cell computes, and a check without a student's name, are left to a person, with the reason."""
    assert (
        "it needs rows, computed by read, a cell that runs in the student's notebook alone" in lab["code-rows"].unjudged
    )
    assert "it uses nothing that a solution cell assigns" in lab["results-free"].unjudged
    assert not lab["code-scale-1"].unjudged


def submit(source: Path, folder: Path, student: str, changes: dict[str, str]) -> None:
    """Hand in the source notebook with some cells' texts changed; an empty id changes the set-up cell."""
    notebook = nbformat.read(source, as_version=4)
    for cell in notebook.cells:
        name = cell.metadata.get("nbgrader", {}).get("grade_id", "" if cell.cell_type == "code" else "-")
        cell.source = changes.get(name, cell.source)
    path = folder / student / "hw 1" / "scaling.ipynb"
    path.parent.mkdir(parents=True)
    nbformat.write(notebook, path)


def test_the_class_is_graded_by_category(scaling: Path, tmp_path: Path) -> None:
    """Right, wrong and hostile work get what they earned, in the categories that grade ids name."""
    patched = "import numpy as np\nimport csv\nFACTOR = 3\nnp.testing.assert_allclose = lambda *a, **k: None"
    wrong = "def scale(rows):\n    return [0 for _ in rows]"
    students = {"full": {}, "wrong": {"code-scale": wrong}, "hostile": {"": patched, "code-scale": wrong}}
    for student, changes in students.items():
        submit(scaling, tmp_path / "submitted", student, changes)
    arguments = [
        "grade",
        str(tmp_path / "submitted"),
        "--source",
        str(scaling.parents[2]),
        "--out",
        str(tmp_path / "out"),
    ]
    assert main(arguments) == 1
    rows = {row["student"]: row for row in json.loads((tmp_path / "out" / "grades.json").read_text("utf-8"))}
    assert (rows["full"]["code"], rows["full"]["results"], rows["full"]["pending"]) == (3, 2, 4)
    assert (rows["wrong"]["total"], rows["hostile"]["total"]) == (0, 0)
    outcomes = {check["cell"]: (check["outcome"], check["reason"]) for check in rows["full"]["checks"]}
    assert outcomes["code-rows"][0] == Outcome.ERRORED
    assert outcomes["results-type"][0] == Outcome.ERRORED
    assert "the source's own solution does not pass this check" in outcomes["results-type"][1]
    head = (tmp_path / "out" / "grades.csv").read_text("utf-8").split("\n")[0].strip()
    assert head == "student,module,code,results,points,pending,total,flags"


THEIRS = {"f", "Stack", "answer"}


@pytest.mark.parametrize(
    ("check", "words"),
    [
        ("%timeit f(1)", "uses a magic (%timeit)"),
        ("get_ipython().run_cell('f(1)')", "asks IPython"),
        ("assert open('out.csv').read() == f(1)", "looks at files (open)"),
        ("f(1)\nassert os.path.exists('out.csv')", "looks at files (os.path.exists)"),
        ("f('a.csv')\nassert pd.read_csv('a.csv').shape == (2, 2)", "reads a file (pandas.read_csv)"),
        ("assert 'for' not in inspect.getsource(f)", "reads the student's source"),
        ("with mock.patch('builtins.print'):\n    f(1)", "replaces what the student's code calls"),
        ("with redirect_stdout(buffer):\n    f(1)", "watches what the student's code prints"),
        ("np.random.seed(1)\nassert f(3) == 0.5", "sets a random state (numpy.random.seed)"),
        ("assert plt.gca().get_title() == 'x'", "looks at pictures"),
        ("assert 'answer' in globals()", "looks into the student's process (globals)"),
        ("assert isinstance(f(1), Stack)", "asks for the type Stack"),
        ("with pytest.raises(AssertionError):\n    f(1)", "expects an AssertionError"),
        ("try:\n    f(1)\nexcept AssertionError:\n    pass", "catches AssertionError"),
        ("old = f\ndel f\nassert answer(1) == 2", "deletes or rebinds f"),
        ("f = lambda n: 7\nassert answer == 7", "deletes or rebinds f"),
        ("answer += 1\nassert answer == 2", "deletes or rebinds answer"),
        ("sys.stdout = buffer\nf(1)", "changes sys.stdout in place"),
        ("answer['a'] = 1\nassert f(answer) == 1", "changes answer['a'] in place"),
        ("assert 'sum' in f.__doc__", "reads f.__doc__"),
        ("rows = [3, 1]\nf(rows)\nassert rows == [1, 3]", "calls f for what it does to rows"),
        (
            "rows = [3, 1]\nnew = f(rows)\nassert rows == [3, 1]",
            "looks whether rows, an argument, was changed in place",
        ),
        ("rows = [3, 1]\nassert f(rows) is not rows", "asks whether two objects are one"),
    ],
)
def test_what_only_works_beside_the_students_code_is_named(check: str, words: str) -> None:
    """Each thing that such checks do and this side cannot is told by name."""
    aliases = {"pd": "pandas", "np": "numpy", "plt": "matplotlib.pyplot", "mock": "unittest.mock", "os": "os"}
    aliases |= {"sys": "sys", "inspect": "inspect", "pytest": "pytest"}
    found = crossing_problems(check, THEIRS, {"f", "Stack"}, aliases)
    assert any(words in problem for problem in found), found


@pytest.mark.parametrize(
    "check",
    [
        "assert f(2) == 4, 'two'",
        "try:\n    f(0)\nexcept ValueError:\n    pass\nelse:\n    raise AssertionError('did not raise')",
        "rows = [1, 2]\nassert f(rows) == sum(rows)",
        "rows = [1, 2]\ntwice = f(f(rows))\nassert twice == rows",
        "stack = Stack()\nitem = 3\nstack.push(item)\nassert stack.pop() == item",
        "np.testing.assert_allclose(f([1.0]), [2.0])",
        "assert type(answer) is dict and answer is not None and isinstance(answer, dict)",
        "for n in range(3):\n    assert f(n) == n * n",
    ],
)
def test_ordinary_checks_raise_no_alarm(check: str) -> None:
    """What works on both sides is judged."""
    assert crossing_problems(check, THEIRS, {"f", "Stack"}, {"np": "numpy"}) == []


def test_a_check_that_loads_students_bytes_is_left_to_a_person(tmp_path: Path) -> None:
    """The lint of the course's own checks holds for these, too."""
    path = course(
        tmp_path,
        new_code_cell("import pickle"),
        graded("task", "dump", "def dump():\n    ### BEGIN SOLUTION\n    return pickle.dumps(1)\n    ### END SOLUTION"),
        graded("check", "loads", "assert pickle.loads(dump()) == 1", 1),
    )
    assert "pickle.loads(…) loads an object" in read_nbgrader(path, "m")["loads"].unjudged


def test_what_the_grader_lacks_is_named(tmp_path: Path) -> None:
    """A module that is not installed, a name from nowhere, star imports that are."""
    path = course(
        tmp_path,
        new_code_cell("from math import *\nimport no_such_module"),
        graded("task", "area", "def area(r):\n    ### BEGIN SOLUTION\n    return pi * r * r\n    ### END SOLUTION"),
        graded("check", "one", "assert area(1) == pi", 1),
        graded("check", "two", "assert area(2) == no_such_module.area(2)", 1),
        graded("check", "three", "assert area(3) == expected", 1),
        graded("check", "four", "assert area(3 == expected", 1),
    )
    found = read_nbgrader(path, "m")
    assert (found["one"].unjudged, found["one"].source.split("\n")[0]) == ("", "from math import pi")
    assert "needs no_such_module, imported from no_such_module, which is not installed" in found["two"].unjudged
    assert "needs expected, defined by no cell before it" in found["three"].unjudged
    assert "is not Python" in found["four"].unjudged


def test_checks_know_what_earlier_checks_import(tmp_path: Path) -> None:
    """Imports and constants of a check hold for the next one; what a check computed, or a cell changed, does not."""
    path = course(
        tmp_path,
        new_code_cell("rows = [1, 2]\nlimits = {'low': 1}\nnames = ['a']"),
        new_code_cell("rows.append(3)\nlimits['high'] = 4\nprint(names.index('a'))"),
        graded("task", "size", "def size(n):\n    ### BEGIN SOLUTION\n    return n\n    ### END SOLUTION"),
        graded("check", "one", "from math import isclose\nBEST = 3\nfound = size(2)\nassert isclose(found, 2)", 1),
        graded("check", "two", "assert isclose(size(BEST), 3) and size(len(names)) == 1", 1),
        graded("check", "three", "assert size(3) > found", 1),
        graded("check", "four", "assert size(len(rows)) == 3 and size(len(limits)) == 2", 1),
    )
    found = read_nbgrader(path, "m")
    assert not found["two"].unjudged
    assert set(found["two"].source.split("\n")[:-1]) == {"from math import isclose", "BEST = 3", "names = ['a']"}
    assert "needs found, computed by one, another check" in found["three"].unjudged
    assert "needs limits, changed in place by cell-2; it needs rows, changed in place by" in found["four"].unjudged


def test_stubs_are_those_of_the_courses_own_settings(tmp_path: Path) -> None:
    """nbgrader_config.py decides what untouched work looks like, as it does for nbgrader."""
    path = course(tmp_path, graded("task", "one", SCALE), graded("check", "two", "assert scale([1]) == 3", 1))
    assert "raise NotImplementedError()" in read_nbgrader(path, "m")["one"].stub
    config = 'c = get_config()\nc.ClearSolutions.code_stub = {"python": "# your turn"}\n'
    (path.parents[2] / "nbgrader_config.py").write_text(config, "utf-8")
    assert read_nbgrader(path, "m")["one"].stub == "def scale(rows):\n    # your turn"


def test_sources_that_cannot_be_read_say_why(tmp_path: Path) -> None:
    """Old metadata, no notebook at all, and data too large to bring along each name the way out."""
    old = graded("check", "one", "assert True", 1)
    old.metadata.nbgrader["schema_version"] = 1
    path = course(tmp_path, old)
    with pytest.raises(SourceError, match="run `nbgrader update"):
        read_nbgrader(path, "m")
    path.write_text("{}", "utf-8")
    with pytest.raises(SourceError, match="is not a source notebook of nbgrader"):
        read_nbgrader(path, "m")
    nbformat.write(new_notebook(cells=[new_code_cell("open('big.bin')")]), path)
    with (path.parent / "big.bin").open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(SourceError, match="at most 10,000,000 are brought along"):
        read_nbgrader(path, "m")


def test_one_assignment_may_hold_several_rubrics(scaling: Path, tmp_path: Path) -> None:
    """The course that is made has the categories that grade ids name, with each one's largest sum."""
    made = adopt_course(scaling.parents[1], tmp_path / "out")
    assert made.rubric == {"code": 4, "results": 4, "points": 4}
    assert made.rubrics == ("code", "results", "points")
