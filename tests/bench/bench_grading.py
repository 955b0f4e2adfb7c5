"""Grading a class beside stock `nbgrader autograde`: the same submissions, start-up included, every output written."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from autograder.batch import find_submissions, grade_class
from autograder.build import build_module
from autograder.course import Course, load_course
from autograder.pool import local_pool

ROOT = Path(__file__).parents[2]
ROUNDS = 3


def main() -> list[dict[str, Any]]:
    """Seconds a submission. The peer grades a smaller class: it starts a kernel for each, so its cost does not depend
    on how many there are. Only the reference assignment has a bar; modules are shown as they are.
    """
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("DO_NOT_TRACK", "true")
    with tempfile.TemporaryDirectory() as folder:
        reference = _built(Path(folder, "reference"))
        rows = [
            _row(reference, "reference", Path(folder), workers=2, ours_class=120, peer_class=4, bar=20),
            _row(reference, "reference", Path(folder), workers=1, ours_class=60, peer_class=4, bar=None),
        ]
        modules = load_course(ROOT)
        rows += [
            _row(modules, module.id, Path(folder), workers=2, ours_class=12, peer_class=2, bar=None)
            for module in modules.modules
        ]
    return rows


def _built(root: Path) -> Course:
    shutil.copytree(ROOT / "tests" / "courses" / "reference", root)
    course = load_course(root)
    build_module(course, "reference")
    return course


def _row(
    course: Course, module: str, scratch: Path, *, workers: int, ours_class: int, peer_class: int, bar: float | None
) -> dict[str, Any]:
    rounds = ROUNDS if bar else 1
    mine, theirs = [], []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory(dir=scratch) as folder:
            mine.append(_ours(course, module, Path(folder), students=ours_class, workers=workers))
        with tempfile.TemporaryDirectory(dir=scratch) as folder:
            theirs.append(_nbgrader(course, module, Path(folder), students=peer_class))
    ratios = [peer / own for own, peer in zip(mine, theirs, strict=True)]
    return {
        "name": f"grading {module}, {workers} worker{'s' * (workers > 1)}, a submission",
        "ours": round(statistics.median(mine), 3),
        "peer": round(statistics.median(theirs), 3),
        "peer_name": "nbgrader autograde",
        "unit": "s",
        "ratio": round(statistics.median(ratios), 2),
        "low": round(min(ratios), 2),
        "high": round(max(ratios), 2),
        "n": rounds,
        "bar": bar,
    }


def _ours(course: Course, module: str, folder: Path, *, students: int, workers: int) -> float:
    _hand_in(course, module, folder / "submitted", students)
    entries = find_submissions(course, folder / "submitted", module)
    started = time.perf_counter()
    grades = grade_class(course, entries, folder / "graded", pool=local_pool(workers, course.preload))
    seconds = time.perf_counter() - started
    assert {grade.total + grade.pending for grade in grades} == {sum(course.rubric.values())}
    return seconds / students


def _nbgrader(course: Course, module: str, folder: Path, *, students: int) -> float:
    shutil.copytree(course.root / "solutions" / module, folder / "solutions" / module)
    shutil.copy(ROOT / "nbgrader_config.py", folder)
    _hand_in(course, module, folder / "out" / "nbgrader" / "submitted", students)
    environment = {**os.environ, "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])}
    for command in ("generate_assignment", "autograde"):
        started = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "nbgrader", command, module],
            cwd=folder, env=environment, check=True, capture_output=True,
        )  # fmt: skip
    return (time.perf_counter() - started) / students


def _hand_in(course: Course, module: str, folder: Path, students: int) -> None:
    for number in range(students):
        (folder / f"student{number:03}" / module).mkdir(parents=True)
        shutil.copy(course.instructor_notebook(module), folder / f"student{number:03}" / module)
