"""The course directory is a plain nbgrader course: its own commands work, and agree on right and untouched work."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

import pytest
from nbgrader.api import Gradebook

from autograder.course import Course, load_course

ROOT = Path(__file__).parents[2]


@pytest.mark.thorough
@pytest.mark.parametrize("module", ["words", "06_security"])
def test_nbgrader_autogrades_the_course(nbgrader, course: Course, module: str, tmp_path: Path) -> None:
    """generate_assignment gives labs/ byte for byte; the solution earns all automatic points, the blank lab none.

    Of the course's own modules the lightest is tried: what nbgrader has to cope with, cells that `build` made and the
    default parameters, is alike in all six, and that each solution passes its own checks there `make test` replays.
    """
    source = course if module == "words" else load_course(ROOT)
    shutil.copytree(source.root / "solutions" / module, tmp_path / "solutions" / module)
    shutil.copy(ROOT / "nbgrader_config.py", tmp_path)
    submitted = tmp_path / "out" / "nbgrader" / "submitted"
    for student, notebook in (
        ("solution", source.instructor_notebook(module)),
        ("blank", source.student_notebook(module)),
    ):
        (submitted / student / module).mkdir(parents=True)
        shutil.copy(notebook, submitted / student / module)
    for command in ("generate_assignment", "autograde", "generate_feedback"):
        done = nbgrader(command, module, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    made = (tmp_path / "labs" / module / f"{module}.ipynb").read_text("utf-8")
    assert made.strip() == source.student_notebook(module).read_text("utf-8").strip()
    with Gradebook(f"sqlite:///{tmp_path}/out/nbgrader/gradebook.db") as book:
        scores = {row.student.id: row.score for row in book.assignment_submissions(module)}
        maximum = book.find_assignment(module).max_score
        (written,) = [c.max_score for c in book.find_notebook(module, module).grade_cells if c.name == "report-text"]
    assert scores == {"solution": maximum - written, "blank": 0}
    assert len(list((tmp_path / "out" / "nbgrader" / "feedback").rglob("*.html"))) == 2


def test_nbgrader_validates(nbgrader, course: Course) -> None:
    """The Validate button's command passes the solution and names what fails in the blank lab."""
    assert "Success!" in nbgrader("validate", str(course.instructor_notebook("words")), cwd=course.root).stdout
    assert "FAILED" in nbgrader("validate", str(course.student_notebook("words")), cwd=course.root).stdout.replace(
        "failed", "FAILED"
    )


def test_formgrader_opens_the_graded_class(graded: Path, tmp_path: Path) -> None:
    """In the class's folder formgrader lists the module and what waits for a mark."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "jupyter", "server", "--allow-root", "--ip=127.0.0.1", f"--port={port}"]
    process = subprocess.Popen(
        [*command, "--IdentityProvider.token=secret", "--no-browser"],
        cwd=graded,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        env={**os.environ, "HOME": str(tmp_path), "JUPYTER_RUNTIME_DIR": str(tmp_path)},
    )
    try:
        address = f"http://127.0.0.1:{port}/formgrader/api/submissions/words?token=secret"
        listed = {row["student"]: row for row in json.loads(fetch(address, time.monotonic() + 60))}
        assert listed["old"]["needs_manual_grade"] is True
        assert listed["full"]["score"] == 9.5
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=30)


def fetch(address: str, deadline: float) -> str:
    """The page at `address`, as soon as the server answers."""
    while True:
        try:
            with urllib.request.urlopen(address, timeout=30) as answer:
                return str(answer.read().decode())
        except ConnectionError:
            raise
        except OSError:
            if time.monotonic() > deadline:
                raise
            threading.Event().wait(0.2)
