"""The commands as people type them."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from autograder.cli import main
from autograder.cli_help import TERM
from autograder.course import Course


def test_grade_prints_the_table_and_where_things_are(
    course: Course, submissions: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`autograder grade FILE --out DIR` prints one line a submission and the files it wrote."""
    notebook = submissions / "wrong" / "words" / "words.ipynb"
    assert main(["--course", str(course.root), "grade", str(notebook), "--out", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["student", "module", "theory", "code", "results", "report", "pending", "total"]
    assert lines[1].split()[:8] == ["words", "words", "2", "2", "0", "0", "1", "4"]
    assert all((tmp_path / name).is_file() for name in ("index.html", "grades.csv", "grades.json", "gradebook.db"))


def test_report_takes_marks_and_a_roster(
    course: Course, graded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`autograder report DIR --roster FILE` names people in Canvas' import, also when it is run again without it."""
    folder = shutil.copytree(graded, tmp_path / "graded")
    roster = tmp_path / "people.csv"
    roster.write_text("student,name\nfull,Full Marks\n", "utf-8")
    arguments = ["--course", str(course.root), "report", str(folder)]
    assert main([*arguments, "--roster", str(roster)]) == 0
    assert "index.html: 16 graded, " in capsys.readouterr().out
    assert main(arguments) == 0
    assert '"Full Marks","","","full","","9.5"' in (folder / "canvas.csv").read_text("utf-8")
    roster.write_text("students\nfull\n", "utf-8")
    assert main([*arguments, "--roster", str(roster)]) == 1
    assert "people.csv:2: want student" in capsys.readouterr().err
    assert main([*arguments[:-1], str(tmp_path / "nowhere"), "--roster", str(roster)]) == 1
    assert "grades.json does not exist" in capsys.readouterr().err


def test_try_prints_each_checks_reason(course: Course, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`autograder try` grades the solution with only the given cells changed and explains every check."""
    changed = tmp_path / "wrong_empty.py"
    changed.write_text('# %% id="code-count"\ndef count(text):\n    return {}\n')
    arguments = ["--course", str(course.root), "try", "solutions/words.py"]
    assert main([*arguments, "--submission", str(changed)]) == 0
    out = capsys.readouterr().out
    assert "0 /  2" in out
    assert "code-count-check: failed" in out
    assert "expected: {'a': 2, 'b': 1}" in out
    changed.write_text('# %% id="code-cuont"\npass\n')
    assert main([*arguments, "--submission", str(changed)]) == 1
    assert "no task or written cell code-cuont" in capsys.readouterr().err


def test_help_lists_every_command_once_in_the_order_of_a_term(capsys: pytest.CaptureFixture[str]) -> None:
    """Each command stands under a heading, and its own help begins with the same text."""
    with pytest.raises(SystemExit):
        main(["--help"])
    told = capsys.readouterr().out
    named = re.findall(r"^  ([a-z]+) +(\S.+)$", told.partition("Make the course:")[2], re.MULTILINE)
    assert [name for name, _ in named] == [name for names in TERM.values() for name in names]
    assert "More:" not in told
    with pytest.raises(SystemExit):
        main(["collect", "--help"])
    assert dict(named)["collect"] in " ".join(capsys.readouterr().out.split())


def test_errors_are_one_line_on_stderr(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A wrong folder is an error with the way out, not a traceback."""
    assert main(["--course", str(tmp_path), "build"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("autograder: no course here")
    assert error.count("\n") == 1


def test_build_check_fails_on_stale_files(course: Course, capsys: pytest.CaptureFixture[str]) -> None:
    """`autograder build --check` is for continuous integration: 0 when current."""
    assert main(["--course", str(course.root), "build", "--check"]) == 0
    assert capsys.readouterr().out == "1 notebooks are up to date\n"
