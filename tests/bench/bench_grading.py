"""Grading a class beside stock `nbgrader autograde` and `otter run`: the same work, start-up included."""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat

from autograder.batch import find_submissions, grade_class
from autograder.build import build_module, load_lab
from autograder.course import Course, load_course
from autograder.pool import local_pool

ROOT = Path(__file__).parents[2]
ROUNDS = 3
OTTER = ROOT / "out" / "bench" / "otter"
# What otter needs beyond our lock; it lies in a folder of its own, since it wants other versions of what others need.
OTTER_PACKAGES = ["otter-grader==7.0.0", "dill", "fica", "ipylab", "python-frontmatter", "python-on-whales"]
_OTTER_TEST = """
from otter.test_files import test_case
OK_FORMAT = False
name = {name!r}
points = {points}
@test_case(points={points})
def test_it(env):
    exec({source!r}, env)
"""


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
        if _otter_installs():
            rows.append(_row(reference, "reference", Path(folder), workers=1, ours_class=60, peer_class=3, peer=_otter))
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
    course: Course,
    module: str,
    scratch: Path,
    *,
    workers: int,
    ours_class: int,
    peer_class: int,
    bar: float | None = None,
    peer: Callable[..., float] | None = None,
) -> dict[str, Any]:
    peer = peer or _nbgrader
    rounds = ROUNDS if bar else 1
    mine, theirs = [], []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory(dir=scratch) as folder:
            mine.append(_ours(course, module, Path(folder), students=ours_class, workers=workers))
        with tempfile.TemporaryDirectory(dir=scratch) as folder:
            theirs.append(peer(course, module, Path(folder), students=peer_class))
    ratios = [other / own for own, other in zip(mine, theirs, strict=True)]
    return {
        "name": f"grading {module}, {workers} worker{'s' * (workers > 1)}, a submission",
        "ours": round(statistics.median(mine), 3),
        "peer": round(statistics.median(theirs), 3),
        "peer_name": "otter run" if peer is _otter else "nbgrader autograde",
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
    grades = grade_class(course, entries, folder / "graded", pool=local_pool(workers, course.preloads([module])))
    seconds = time.perf_counter() - started
    assert {grade.total + grade.pending for grade in grades} == {sum(course.rubric.values())}
    return seconds / students


def _nbgrader(course: Course, module: str, folder: Path, *, students: int) -> float:
    shutil.copytree(course.root / "solutions" / module, folder / "solutions" / module)
    shutil.copy(ROOT / "nbgrader_config.py", folder)
    _hand_in(course, module, folder / "out" / "nbgrader" / "submitted", students)
    for command in ("generate_assignment", "autograde"):
        started = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "nbgrader", command, module],
            cwd=folder, env=_environment(), check=True, capture_output=True,
        )  # fmt: skip
    return (time.perf_counter() - started) / students


def _otter_installs() -> bool:
    """Whether otter could be put beside us; says why when it could not."""
    if (OTTER / "otter").exists():
        return True
    install = ["uv", "pip", "install", "-q", "--python", sys.executable, "--no-deps", "--target", OTTER]
    done = subprocess.run([*install, *OTTER_PACKAGES], check=False, capture_output=True, text=True, env=_environment())
    if done.returncode:
        print(f"otter does not install beside, so it is not measured: {done.stderr.strip()[-200:]}")
    return done.returncode == 0


def _otter(course: Course, module: str, folder: Path, *, students: int) -> float:
    """The same cells and the same checks; each check is one of otter's exception-based tests."""
    lab = load_lab(course, module)
    (folder / "tests").mkdir()
    for number, cell in enumerate(lab.with_role("check")):
        test = _OTTER_TEST.format(name=f"q{number}", points=cell.points, source=cell.source)
        (folder / "tests" / f"q{number}.py").write_text(test, "utf-8")
    checks = {cell.id for cell in lab.with_role("check")}
    notebook = nbformat.read(course.instructor_notebook(module), as_version=4)
    notebook.cells = [cell for cell in notebook.cells if cell.id not in checks]
    for number in range(students):
        nbformat.write(notebook, folder / f"student{number:03}.ipynb")
    environment = {**_environment(), "PYTHONPATH": os.pathsep.join([str(OTTER), str(ROOT)])}

    def otter(*words: str) -> None:
        command = [sys.executable, "-m", "otter", *words]
        subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)

    otter("generate", "-t", "tests", "-o", "graded.zip", "--no-environment")
    started = time.perf_counter()
    for number in range(students):
        (folder / f"{number}").mkdir()
        otter("run", f"student{number:03}.ipynb", "-a", "graded.zip", "-o", f"{number}")
    seconds = time.perf_counter() - started
    found = json.loads((folder / "0" / "results.json").read_text("utf-8"))
    assert sum(test.get("score", 0) for test in found["tests"]) == sum(
        cell.points for cell in lab.with_role("check")
    ), found["tests"]
    return seconds / students


def _environment() -> dict[str, str]:
    return {**os.environ, "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])}


def _hand_in(course: Course, module: str, folder: Path, students: int) -> None:
    for number in range(students):
        (folder / f"student{number:03}" / module).mkdir(parents=True)
        shutil.copy(course.instructor_notebook(module), folder / f"student{number:03}" / module)
