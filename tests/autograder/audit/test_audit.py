"""The whole audit as a person runs it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from autograder.audit.audit import PARTS, Scope, audit_module
from autograder.cli import main
from autograder.course import Course
from autograder.errors import GraderError


@pytest.mark.thorough
def test_a_good_module_passes_every_part(course: Course, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`autograder audit` prints each part, writes the JSON and ends with 0."""
    out = tmp_path / "audit.json"
    command = ["--course", str(course.root), "audit", "words", "--task", "code-guard", "--json", str(out)]
    assert main([*command, "--workers", "2"]) == 0
    printed = capsys.readouterr().out
    for words in ("solution", "borrowed: 1 of 1 earn nothing", "guessing theory", "code-guard", "nothing to object to"):
        assert words in printed
    found = json.loads(out.read_text("utf-8"))["words"]
    assert set(found) == {*("solution", "blank", "wrong", "alt", "hostile", "borrowed", "guess", "mutants", "problems")}
    assert found["solution"]["total"] == 9
    assert {"total", "killed", "equivalent", "survivors"} <= set(found["mutants"])


def test_a_module_below_a_bar_fails(variant, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The exit code is 1 and the reason is printed."""
    course = variant(('answer="choice" options="ABC"', 'answer="choice" options="AB"'))
    out = tmp_path / "audit.json"
    assert main(["--course", str(course.root), "audit", "--part", "guess", "--json", str(out)]) == 1
    assert "guessing (random) earns" in capsys.readouterr().out
    assert json.loads(out.read_text("utf-8"))["words"]["problems"]


def test_an_unknown_task_is_an_error(course: Course) -> None:
    """A misspelt --task audits nothing in silence."""
    with pytest.raises(GraderError, match="no task code-cuont"):
        audit_module(course, "words", Scope(PARTS, ("code-cuont",)))
