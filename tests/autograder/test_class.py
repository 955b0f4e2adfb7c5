"""`make class`: a class that nobody taught, made of known pieces, graded on and on."""

from __future__ import annotations

import csv
import doctest
import json
import shutil
import sys
from pathlib import Path

import pytest

from autograder.cli import main
from autograder.course import Course

ROOT = Path(__file__).parents[2]
PIECES = {
    "alt_loop": "def count(text):\n    words = text.split()\n    return {word: words.count(word) for word in words}",
    "wrong_letters": "def count(text):\n    return {letter: text.count(letter) for letter in text}",
}


@pytest.fixture
def known(course: Course, tmp_path: Path) -> Path:
    """The tiny course with two known answers and the attacks."""
    root = shutil.copytree(course.root, tmp_path / "course")
    toml = root / "solutions" / "course.toml"
    toml.write_text(f'submissions = "known"\nhostile = "{ROOT}/tests/hostile"\n{toml.read_text("utf-8")}', "utf-8")
    (root / "known" / "words").mkdir(parents=True)
    for name, text in PIECES.items():
        (root / "known" / "words" / f"{name}.py").write_text(f'# loses: code\n# %% id="code-count"\n{text}\n', "utf-8")
    return root


@pytest.fixture
def make_class(monkeypatch: pytest.MonkeyPatch):
    """The script that `make class` runs first."""
    monkeypatch.syspath_prepend(str(ROOT / "assets"))
    import make_class

    return make_class.main


def written(folder: Path) -> dict[str, bytes]:
    """What students handed in, and what is told of them."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_class_is_made_and_graded_and_goes_on(make_class, known: Path, tmp_path: Path, capsys) -> None:
    """All kinds of students get a grade and a report names it; a larger class begins with the smaller, graded once."""
    out = tmp_path / "class"
    options = ["--course", str(known), "--out", str(out), "--seed", "5"]
    make_class([*options, "--students", "5"])
    small = written(out / "submissions")
    grade = [
        "--course", str(known), "grade", str(out / "submissions"), "--out", str(out),
        "--cohort", str(out / "cohort.toml"), "--marks", str(out / "marks.csv"), "--workers", "1",
    ]  # fmt: skip
    assert main(grade) == 0
    make_class([*options, "--students", "8"])
    assert small.items() <= written(out / "submissions").items()
    assert main(grade) == 0
    assert f"{out / 'index.html'}" in capsys.readouterr().out
    runs = json.loads((out / "runs.json").read_text("utf-8"))
    assert [(run["graded"], run["found"]) for run in runs] == [(5, 0), (3, 5)]

    with (out / "grades.csv").open(newline="", encoding="utf-8") as file:
        rows = {row["student"]: row for row in csv.DictReader(file)}
    assert len(rows) == 8
    assert not any("grader error" in row["flags"] for row in rows.values())
    assert rows["suzuki.hana"]["flags"] == "missing notebook"
    assert "late" in rows["haddad.farid"]["flags"]
    assert float(rows["an.nguyen"]["total"]) > float(rows["giang.hoang"]["total"])
    page = (out / "index.html").read_text("utf-8")
    assert "Each started day costs 10% of the points" in page
    assert "written answer" in page
    assert '"Nguyễn Thị An","","S1000","an.nguyen"' in (out / "canvas.csv").read_text("utf-8")


def test_the_core_is_graded_without_the_rest(known: Path, tmp_path: Path, capsys) -> None:
    """`--core` leaves out what course.toml says is beside the core, and says so when nothing is left."""
    toml = known / "solutions" / "course.toml"
    toml.write_text(toml.read_text("utf-8").replace('id = "words"', 'id = "words"\ncore = false'), "utf-8")
    folder = tmp_path / "submissions" / "an" / "words"
    folder.mkdir(parents=True)
    arguments = ["--course", str(known), "grade", str(folder.parents[1]), "--out", str(tmp_path / "out")]
    assert main([*arguments, "--core"]) == 1
    assert "in the course's core; leave out --core" in capsys.readouterr().err


def test_a_cohort_file_names_its_mistakes(known: Path, tmp_path: Path, capsys) -> None:
    """A misspelt key, a module that is none and a time without zone are errors, before anything is graded."""
    (tmp_path / "submissions" / "an" / "words").mkdir(parents=True)
    cohort = tmp_path / "cohort.toml"
    arguments = ["--course", str(known), "grade", str(tmp_path / "submissions"), "--out", str(tmp_path / "out")]
    for text, words in (
        ("deu = 1", "deu"),
        ("[due]\nwrods = 2026-10-12T16:59:00Z", "no module 'wrods'"),
        ("[due]\nwords = 2026-10-12T16:59:00", "timezone"),
        ("[due", "not a readable cohort"),
    ):
        cohort.write_text(text, "utf-8")
        assert main([*arguments, "--cohort", str(cohort)]) == 1
        assert words in capsys.readouterr().err
    assert not (tmp_path / "out" / "grades.csv").exists()


def test_its_examples_hold(make_class) -> None:
    """The examples in the script's docstrings."""
    assert doctest.testmod(sys.modules[make_class.__module__]) == (0, 3)
