"""What an author must not do in a module: each is refused with the cell, the line and the way out, or excused."""

from __future__ import annotations

from pathlib import Path

import pytest

from autograder.build import build_module, load_lab, stale_files
from autograder.course import Course, load_course
from autograder.errors import SourceError

ROOT = Path(__file__).parents[2]
COURSE = """title = "One task"
rubric = { theory = 1, code = 2, results = 0, report = 0 }
modules = [{ id = "one", title = "One task" }]
"""
MODULE = '''# %% id="parameters" tags=["parameters"]
SCALE = 2

# %% id="imports" shared=true
import joblib
import numpy as np
import pickle as p
from pathlib import Path

from autograder.lab import examine, expect, require, seed


def stored(path):
    return LOADER


# %% [markdown] id="text"
# TEXT

# %% id="shown"
print(PRINTED)

# %% id="theory-key" answer="numeric" points=1 THEORY
theory_key = None
### BEGIN SOLUTION
theory_key = 0.4271
### END SOLUTION


# %% id="code-double" task=true
def double(x):
    """Twice `x`."""
    ### BEGIN SOLUTION
    return SCALE * x
    ### END SOLUTION


# %% id="code-double-check" check="code-double" points=2 CODE
y = double(3)
### BEGIN HIDDEN TESTS
CHECK
### END HIDDEN TESTS
'''
GOOD = {
    "LOADER": "path",
    "TEXT": "Some text.",
    "PRINTED": '"ready"',
    "THEORY": "",
    "CODE": "",
    "CHECK": "expect(double(seed()), SCALE * seed())",
}


def course(folder: Path, text: str = MODULE, **changes: str) -> Course:
    """A course of one small module, whose places are filled with `changes`."""
    for place, filling in {**GOOD, **changes}.items():
        text = text.replace(place, filling)
    (folder / "solutions").mkdir()
    (folder / "solutions" / "course.toml").write_text(COURSE, "utf-8")
    (folder / "solutions" / "one.py").write_text(text, "utf-8")
    return load_course(folder)


def refusal(folder: Path, text: str = MODULE, **changes: str) -> str:
    """What `autograder build` says of the module with `changes`."""
    with pytest.raises(SourceError) as refused:
        build_module(course(folder, text, **changes), "one", execute=False)
    return str(refused.value)


def test_a_sound_module_builds(tmp_path: Path) -> None:
    """The module without a change is refused nothing, run or not."""
    lab = build_module(course(tmp_path), "one")
    assert [cell.id for cell in lab.graded] == ["theory-key-check", "code-double-check"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "points=2",
            "points=3",
            (
                "one.py: code adds up to 3 points, not 2: code-double-check 3 (line 38). "
                "Change points= of these cells, or code in the rubric of course.toml"
            ),
        ),
        (
            'id="shown"',
            'id="text"',
            "one.py:20: id 'text' stands already on line 17; give one of the two another id",
        ),
        (
            'check="code-double"',
            'check="code-dubble"',
            (
                "one.py:38: check 'code-double-check' judges 'code-dubble', which is no task here. "
                "Write the id of a task=true or answer= cell in check=: code-double, theory-key"
            ),
        ),
        (
            'check="code-double" points=2',
            "",
            (
                "one.py:38: cell 'code-double-check' holds hidden tests but is no check; "
                'add check="TASK" points=N to its header'
            ),
        ),
        (
            "y = double(3)",
            "y = dubble(3)",
            (
                "one.py:38: check 'code-double-check' uses dubble, which neither its tasks (code-double) assign nor a "
                "parameters or shared=true cell. Name the right task in check=, or define it in a shared cell"
            ),
        ),
    ],
)
def test_errors_name_cell_line_and_way_out(tmp_path: Path, old: str, new: str, message: str) -> None:
    """What cannot be graded is refused with the whole sentence that an author needs."""
    assert refusal(tmp_path, MODULE.replace(old, new)) == message


@pytest.mark.parametrize(
    ("check", "words"),
    [
        ("p.loads(y)", "pickle.loads(…) loads an object"),
        ("joblib.load('model.joblib')", "joblib.load(…) loads an object"),
        ("import skops.io as sio\nsio.load(y)", "line 4 of it: skops.io.load(…) loads an object"),
        ("import mlflow\nmlflow.pyfunc.load_model(y)", "mlflow.pyfunc.load_model(…) loads an object"),
        ("import torch\ntorch.load(y)", "torch.load(…) loads an object"),
        ("np.load('a.npy', allow_pickle=True)", "numpy.load(…, allow_pickle=…) loads objects"),
        ("eval(y)", "eval(…) of a value that comes from the student's names"),
        ("z = [y]\nfor w in z:\n    exec(w)", "line 5 of it: exec(…) of a value"),
        ("compile(double(1), 'f', 'exec')", "compile(…) of a value"),
        ("open(double(1))", "open(…) of a value"),
        ("__import__(y)", "__import__(…) of a value"),
        ("Path(y).read_text()", "pathlib.Path().read_text(…) of a value"),
    ],
)
def test_checks_never_load_what_students_made(tmp_path: Path, check: str, words: str) -> None:
    """A check that would unpickle, run or open a student's value in the grader does not build."""
    message = refusal(tmp_path, CHECK=check)
    assert message.startswith("one.py:38: check 'code-double-check', line ")
    assert words in message
    assert "Ask the workspace by examine(…)" in message


def test_shared_functions_are_looked_into(tmp_path: Path) -> None:
    """Nor does one whose shared function loads what it is given."""
    message = refusal(tmp_path, LOADER="p.load(open(path))", CHECK="expect(stored(y), seed())")
    assert "by stored in cell 'imports': pickle.load(…) loads an object" in message


@pytest.mark.parametrize(
    "check",
    [
        "np.load('a.npy', allow_pickle=False)\nexpect(y, seed())",
        "expect(eval('1 + 1'), seed())",
        "expect(y.open(), seed())",
        "open('own.txt')\nexpect(y, seed())",
    ],
)
def test_a_checks_own_words_may_be_run(tmp_path: Path, check: str) -> None:
    """What does not come from the student is the author's to load."""
    assert load_lab(course(tmp_path, CHECK=check), "one").module == "one"


@pytest.mark.parametrize(
    ("check", "line"),
    [
        ("require(not double(seed()) > 5, 'too much')", 3),
        ("k = seed()\nassert not (y < 1 or double(k) >= k)", 4),
        ("if abs(y - seed()) > 1:\n    raise AssertionError('off')", 3),
    ],
)
def test_nan_must_not_pass(tmp_path: Path, check: str, line: int) -> None:
    """A negated comparison holds for NaN, so it is no test."""
    message = refusal(tmp_path, CHECK=check)
    assert message.startswith(f"one.py:38: check 'code-double-check', line {line} of it: NaN passes")
    assert 'excuse="nan: …"' in message
    (tmp_path / "excused").mkdir()
    excused = course(tmp_path / "excused", CHECK=check, CODE='excuse="nan: double is tested for finite numbers above"')
    assert build_module(excused, "one", execute=False).module == "one"


@pytest.mark.parametrize(
    "check", ["expect(double(4), 8)", "require(double(4) == 8, 'no')", "for _ in range(3):\n    expect(double(4), 8)"]
)
def test_one_constant_must_not_pass(tmp_path: Path, check: str) -> None:
    """A single hidden input with a fixed answer is passed by whoever hard-codes it."""
    message = refusal(tmp_path, CHECK=check)
    assert message.startswith("one.py:38: check 'code-double-check' expects one constant")
    assert "Draw its hidden input from seed()" in message
    (tmp_path / "excused").mkdir()
    excused = course(tmp_path / "excused", CHECK=check, CODE='excuse="fixed: there is only one such number"')
    assert build_module(excused, "one", execute=False).module == "one"


@pytest.mark.parametrize(
    "check",
    [
        "expect(double(4), 8)\nexpect(double(5), 10)",
        "expect(double(4), SCALE * 4)",
        "require(examine('os:listdir') == [], 'files')",
        "n = seed()\nexpect(double(n) == 2 * n, True)",
        "require(double(4) > y, 'no')",
    ],
)
def test_answers_that_vary_are_sound(tmp_path: Path, check: str) -> None:
    """Two expectations, a computed one, a drawn input or the state of the workspace cannot be hard-coded."""
    assert build_module(course(tmp_path, CHECK=check), "one", execute=False).module == "one"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"TEXT": "It is 0.4271, as we shall see."},
            "check 'theory-key-check' expects 0.4271, and cell 'text' (line 17)",
        ),
        ({"PRINTED": "theory_key := 0.4271"}, "and cell 'shown' (line 20) shows it to students"),
        ({"CHECK": "expect(double(seed()), 17_388.5)", "TEXT": "say 17,388.5"}, "expects 17388.5, and cell 'text'"),
        ({"CHECK": "expect(double('ab'), 'abab' * SCALE)\nexpect(double(y), 'gold')", "TEXT": "all gold"}, "'gold'"),
        ({"CHECK": "require(double(seed()) == 17.25, 'no')", "TEXT": "17.25 EUR"}, "expects 17.25, and cell 'text'"),
        ({"CHECK": "expect(double(seed()), [3, 4])", "PRINTED": "[3, 4]"}, "expects [3, 4], and cell 'shown'"),
    ],
)
def test_hidden_values_must_not_be_shown(tmp_path: Path, changes: dict[str, str], words: str) -> None:
    """A key or a hidden expectation that students can read does not build."""
    message = refusal(tmp_path, **changes)
    assert words in message
    assert 'excuse="visible: …"' in message


def test_hidden_values_must_not_be_printed(tmp_path: Path) -> None:
    """Nor does one that a cell prints before anything was done."""
    shows = course(tmp_path, PRINTED="round(0.2 + 0.2271, 4)")
    with pytest.raises(SourceError, match=r"expects 0.4271, and cell 'shown' \(line 20\) prints it to students"):
        build_module(shows, "one")
    assert not shows.student_notebook("one").exists()


@pytest.mark.parametrize(
    "changes",
    [
        {"TEXT": "It is 0.4271.", "THEORY": 'excuse="visible: to be read off the text"'},
        {"CHECK": "expect(double(seed()), 100)", "TEXT": "100 rows"},
        {"CHECK": "expect(double('a'), 'rise')\nexpect(double('b'), 'fall')", "TEXT": "`rise` or `fall`"},
        {"CHECK": "run = examine('os:listdir')\nexpect(run, 'FINISHED')", "TEXT": "FINISHED"},
        {"TEXT": "Not 10.4271 and not 0.42713."},
    ],
)
def test_what_gives_nothing_away_may_be_shown(tmp_path: Path, changes: dict[str, str]) -> None:
    """Excused, common, to be chosen among, or not the student's own value: no alarm."""
    assert build_module(course(tmp_path, **changes), "one", execute=False).module == "one"


def test_an_excuse_needs_a_reason(tmp_path: Path) -> None:
    """An unknown lint, or one without a reason, is refused."""
    for number, excuse in enumerate(("fixed:", "none: because", "nan")):
        (tmp_path / str(number)).mkdir()
        message = refusal(tmp_path / str(number), CODE=f'excuse="{excuse}"')
        assert message.startswith(f"one.py:38: excuse='{excuse}'; write excuse=")


def test_module_01_raises_no_alarm() -> None:
    """The real module passes every lint without an excuse."""
    real = load_course(ROOT)
    assert stale_files(real, "01_tracking") == []
    assert "excuse=" not in real.source("01_tracking").read_text("utf-8")
