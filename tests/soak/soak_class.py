"""A class ten times as large takes ten times as long and no more, in as much memory: its report, and its grading.

SOAK_STUDENTS=3 is a small form of it: so many students, and ten times as many.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat

from autograder.build import build_module
from autograder.course import load_course

ROOT = Path(__file__).parents[2]
STUDENTS = int(os.environ.get("SOAK_STUDENTS", "30"))
RATIO = 11
GROWTH_MB = 0.25  # a submission's checks and answers, as the report holds them
_MEMORY = r"""
import re, resource, sys, time
from pathlib import Path
# Not `ru_maxrss`: a process begins with that of the one which started it.
def peak_mb(pid="self"):
    return int(re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[1]) / 1024
"""
_REPORT = (
    _MEMORY
    + r"""
import json, random, shutil
sys.path.insert(0, "assets")
import make_class, nbformat
from autograder.build import student_notebook
from autograder.course import load_course
from autograder.report import write_report
from tests.autograder.classes import a_class
course, out, students = load_course("."), Path(sys.argv[1]), int(sys.argv[2])
grades = []
for place, module in enumerate(course.modules):
    pieces = make_class.read_pieces(course, module.id)
    blank = student_notebook(pieces.lab)
    for number, grade in enumerate(a_class(pieces.lab, students, maxima=course.rubric)):
        kind, before = make_class.KINDS[number % len(make_class.KINDS)], {}
        texts = make_class.texts_of(pieces, kind, place, random.Random(f"{number}/{place}"), before)
        for cell in blank.cells:
            cell.source = texts.get(cell.id, "")
            # Everybody says it with words of their own: what a class writes is not all the same.
            if texts.get(cell.id) and cell.cell_type == "code":
                cell.source += f"\n# {number}\nmine_{number} = other_{number}({number}, {place}) + {number} * {number}"
        path = out / "autograded" / grade.student / module.id / f"{module.id}.ipynb"
        path.parent.mkdir(parents=True)
        path.write_text(nbformat.writes(blank), "utf-8")
        grades.append(grade)
started, clock = time.process_time(), time.perf_counter()
write_report(course, grades, out)
print(json.dumps({"seconds": time.process_time() - started, "clock_s": time.perf_counter() - clock,
                  "parent_mb": peak_mb(), "submissions": len(grades)}))
"""
)
_GRADE = (
    _MEMORY
    + r"""
import json, threading
import psutil
from autograder.batch import find_submissions, grade_class
from autograder.course import load_course
from autograder.pool import local_pool
if __name__ == "__main__":
    root, students, out = Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    course = load_course(root)
    peaks, done = {}, threading.Event()
    def watch():
        while not done.wait(0.2):
            for process in psutil.Process().children(recursive=True):
                try:
                    peaks[process.pid] = peak_mb(process.pid)
                except (OSError, TypeError):
                    pass
    watcher = threading.Thread(target=watch)
    watcher.start()
    clock = time.perf_counter()
    grades = grade_class(course, find_submissions(course, out / "submissions"), out, pool=local_pool(2, ()))
    seconds = time.perf_counter() - clock
    done.set()
    watcher.join()
    assert not any("grader error" in flag for grade in grades for flag in grade.flags)
    print(json.dumps({"seconds": seconds, "parent_mb": peak_mb(), "worker_mb": max(peaks.values()),
                      "submissions": len(grades)}))
"""
)


def run(script: Path, *arguments: object) -> dict[str, float]:
    """What a script that was run by itself says at its end."""
    done = subprocess.run(
        [sys.executable, str(script), *map(str, arguments)],
        capture_output=True, text=True, check=False, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_a_report_grows_with_its_class(tmp_path: Path) -> None:
    """All six modules, all answers compared: processor time at most 1.1 times the tenfold, memory a line each."""
    script = tmp_path / "report.py"
    script.write_text(_REPORT)
    small, large = (run(script, tmp_path / str(size), size) for size in (STUDENTS, 10 * STUDENTS))
    ratio = large["seconds"] / small["seconds"]
    growth = (large["parent_mb"] - small["parent_mb"]) / (large["submissions"] - small["submissions"])
    for each in (small, large):
        print(
            f"\nreport of {each['submissions']:,} submissions: {each['seconds']:.1f} s of processor, "
            f"{each['clock_s']:.1f} s by the clock, peak {each['parent_mb']:.0f} MB"
        )
    print(f"ten times the class: {ratio:.1f} times the time, {1000 * growth:.0f} KB more a submission")
    assert ratio <= RATIO
    assert growth <= GROWTH_MB


def test_grading_holds_no_more_for_a_larger_class(tmp_path: Path) -> None:
    """Many small submissions on two workers: the grader's memory and the largest worker's stay what they were."""
    course = load_course(shutil.copytree(ROOT / "tests" / "courses" / "tiny", tmp_path / "course"))
    build_module(course, "words")
    notebook = nbformat.read(course.instructor_notebook("words"), as_version=4)
    guard = next(cell for cell in notebook.cells if cell.id == "code-guard")
    script = tmp_path / "grade.py"
    script.write_text(_GRADE)
    found = []
    for size in (STUDENTS, 10 * STUDENTS):
        for number in range(size):
            guard.source = f"def first(words):\n    return words[0] if words else None  # {number}"
            path = tmp_path / str(size) / "submissions" / f"s{number:04d}" / "words" / "words.ipynb"
            path.parent.mkdir(parents=True)
            nbformat.write(notebook, path)
        found.append(run(script, course.root, size, tmp_path / str(size)))
    small, large = found
    for each in found:
        print(
            f"\ngrading {each['submissions']:,}: {each['seconds']:.1f} s by the clock, "
            f"peak {each['parent_mb']:.0f} MB, largest worker {each['worker_mb']:.0f} MB"
        )
    print(f"ten times the class: {large['seconds'] / small['seconds']:.1f} times the time, workers' start included")
    assert large["seconds"] <= RATIO * small["seconds"]
    assert large["worker_mb"] <= 1.1 * small["worker_mb"] + 10
    assert large["parent_mb"] - small["parent_mb"] <= GROWTH_MB * 9 * STUDENTS + 10
