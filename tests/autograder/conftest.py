"""A tiny course of another subject, copied, built and graded once for all tests that only look at it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import nbformat
import pytest

from autograder.batch import find_submissions, grade_class
from autograder.build import build_module
from autograder.course import Course, load_course
from autograder.models import Grade
from lib.warm import warm_python

ROOT = Path(__file__).parents[2]
TINY = ROOT / "tests" / "courses" / "tiny"


@pytest.fixture(scope="session")
def course(tmp_path_factory: pytest.TempPathFactory) -> Course:
    """The tiny course in a folder of its own, both notebooks built."""
    root = tmp_path_factory.mktemp("course")
    shutil.copytree(TINY / "solutions", root / "solutions", ignore=shutil.ignore_patterns("words"))
    course = load_course(root)
    build_module(course, "words")
    return course


@pytest.fixture(scope="session")
def nbgrader() -> Iterator[Callable[..., subprocess.CompletedProcess[str]]]:
    """Runs one of nbgrader's commands as an instructor does, each in a fork of one process that has imported it."""
    with warm_python({"nbgrader": ["nbgrader.apps.nbgraderapp", "nbconvert.exporters"]}) as warm:

        def run(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
            command = [sys.executable, "-m", "lib.warm", "nbgrader", *words]
            environment = {**os.environ, **warm, "PYTHONPATH": str(ROOT)}
            return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, env=environment)

        yield run


@pytest.fixture(scope="session")
def handed_in(course: Course) -> Callable[..., str]:
    """The solution as a student's notebook, with some cells' texts replaced (None deletes the cell)."""

    def make(**changes: str | None) -> str:
        notebook = nbformat.read(course.instructor_notebook("words"), as_version=4)
        texts = {name.replace("_", "-"): text for name, text in changes.items()}
        notebook.cells = [cell for cell in notebook.cells if texts.get(cell.id, "") is not None]
        for cell in notebook.cells:
            cell.source = texts.get(cell.id, cell.source)
        return str(nbformat.writes(notebook))

    return make


@pytest.fixture(scope="session")
def submissions(course: Course, handed_in: Callable[..., str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A class: one of each thing that students hand in."""
    folder = tmp_path_factory.mktemp("submissions")
    loops = "import time\ndef count(text):\n    while True:\n        time.sleep(1)"
    students = {
        "full": handed_in(),
        "blank": course.student_notebook("words").read_text("utf-8"),
        "truncated": handed_in()[:900],
        "exits": handed_in(code_guard="import os\ndef first(words):\n    os._exit(3)"),
        "exits-in-cell": handed_in(code_count="import os\nos._exit(0)"),
        "deleted": handed_in(code_guard=None),
        "loops": handed_in(code_count=loops),
        "raises": handed_in(code_count="def count(text):\n    raise KeyError('no such word')"),
        "crashes": handed_in(code_count="1 / 0"),
        "wrong": handed_in(theory_rare='theory_rare = "B"', code_count="def count(text):\n    return {}"),
        "other": json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": []}),
        "list": "[]",
        "old": str(nbformat.writes(nbformat.convert(nbformat.reads(handed_in(), 4), 3), version=3)),
        "<b>=1+1": handed_in(),
    }
    for student, text in students.items():
        path = folder / student / "words" / "words.ipynb"
        path.parent.mkdir(parents=True)
        path.write_text(text, "utf-8")
    duplicated = nbformat.reads(handed_in(), 4)
    twice = next(cell for cell in duplicated.cells if cell.id == "theory-rare").copy()
    twice.source = 'theory_rare = "C"'
    duplicated.cells.append(twice)
    path = folder / "duplicated" / "words" / "words.ipynb"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(duplicated), "utf-8")
    (folder / "missing").mkdir()
    return folder


@pytest.fixture(scope="session")
def graded(course: Course, submissions: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the graded class; one report already marked by a person."""
    out = tmp_path_factory.mktemp("graded")
    grade_class(course, find_submissions(course, submissions), out, marks={("full", "words", "report-text"): 0.5})
    return out


@pytest.fixture(scope="session")
def grades(graded: Path) -> dict[str, Grade]:
    """The class's grades as grades.json holds them, by student."""
    rows = json.loads((graded / "grades.json").read_text("utf-8"))
    for row in rows:
        row.pop("total")
    return {row["student"]: Grade.model_validate(row) for row in rows}
