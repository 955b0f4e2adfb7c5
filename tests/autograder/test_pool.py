"""Many submissions at a time: the same grades in the same order, whatever dies on the way."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from nbgrader.api import Gradebook

from autograder.batch import find_submissions, grade_class
from autograder.cli import main
from autograder.course import Course
from autograder.errors import GraderError
from autograder.pool import dask_pool, local_pool, run_all
from tests.require import executable, require

AUTOGRADER = str(Path(sys.executable).parent / "autograder")


@pytest.fixture(scope="module", autouse=True)
def _bubblewrap() -> None:
    executable("bwrap", way_out="Install bubblewrap.")


def results(folder: Path) -> dict[str, bytes]:
    """Everything that people read of a graded class, times aside."""
    names = ["grades.csv", *(str(p.relative_to(folder)) for p in sorted(folder.glob("feedback/*/index.html")))]
    grades = re.sub(r'"seconds": [\d.e-]+', "", (folder / "grades.json").read_text("utf-8")).encode()
    return {"grades.json": grades, **{name: (folder / name).read_bytes() for name in names}}


def half_a_class(submissions: Path, tmp_path: Path, *more: str) -> Path:
    """A few students of each sort, and `more`, for tests that grade more than once."""
    for name in ("blank", "exits", "full", "raises", "wrong", *more):
        shutil.copytree(submissions / name, tmp_path / "class" / name)
    return tmp_path / "class"


def test_parallel_and_serial_agree(course: Course, submissions: Path, tmp_path: Path) -> None:
    """Two workers write what one process wrote, byte for byte, times aside."""
    marks = {("full", "words", "report-text"): 0.5}
    few = half_a_class(submissions, tmp_path, "<b>=1+1", "crashes", "duplicated", "missing", "truncated")
    for name, pool in (("one", None), ("two", local_pool(2, ()))):
        grade_class(course, find_submissions(course, few), tmp_path / name, marks=marks, pool=pool)
    assert results(tmp_path / "two") == results(tmp_path / "one")


def die_once(path: Path) -> str:
    """A job that kills its process the first time."""
    if not path.exists():
        path.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return path.name


def die(_: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_dead_worker_is_replaced(tmp_path: Path) -> None:
    """Its job runs again; when processes keep dying, the error says how much is left."""
    done: dict[int, str] = {}
    run_all(local_pool(2, ()), die_once, [tmp_path / name for name in "ab"], done.__setitem__)
    assert done == {0: "a", 1: "b"}
    with pytest.raises(GraderError, match="died 3 times; 2 submissions are left"):
        run_all(local_pool(1, ()), die, [1, 2], done.__setitem__)


@pytest.mark.thorough
def test_a_killed_run_goes_on(
    course: Course, submissions: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`kill -9` in the middle: no process survives, the second run grades only what is left, and all is there."""
    few = half_a_class(submissions, tmp_path)
    arguments = ["--course", str(course.root), "grade", str(few), "--out", str(tmp_path / "out"), "--workers"]
    with subprocess.Popen([AUTOGRADER, *arguments, "2"], stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout
        next(line for line in run.stdout if "1/5" in line)
        family = psutil.Process(run.pid).children(recursive=True)
        run.kill()
    assert not psutil.wait_procs(family, timeout=20)[1]
    assert list((tmp_path / "out" / "journal").rglob("*.json"))
    kept = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "out" / "journal").rglob("*.json")}
    assert main([*arguments, "1"]) == 0
    assert "5/5" in capsys.readouterr().out
    grades = json.loads((tmp_path / "out" / "grades.json").read_text("utf-8"))
    assert [(grade["student"], grade["total"]) for grade in grades] == [
        ("blank", 0), ("exits", 5), ("full", 9), ("raises", 5), ("wrong", 4),
    ]  # fmt: skip
    after = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "out" / "journal").rglob("*.json")}
    assert kept.items() <= after.items()


@pytest.mark.thorough
def test_a_locked_gradebook_is_named_and_nothing_is_lost(
    course: Course, submissions: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Somebody else writes to gradebook.db: the error says so, and the next run takes up what was graded."""
    few = half_a_class(submissions, tmp_path)
    command = ["--course", str(course.root), "grade", str(few), "--out", str(tmp_path / "out"), "--workers", "1"]
    (tmp_path / "out").mkdir()
    with contextlib.closing(Gradebook(f"sqlite:///{tmp_path / 'out' / 'gradebook.db'}")):
        pass
    with contextlib.closing(sqlite3.connect(tmp_path / "out" / "gradebook.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert main(command) == 1
    said = capsys.readouterr().err
    assert "gradebook.db cannot be written: database is locked. Close what holds it" in said
    assert "Traceback" not in said
    assert main(command) == 0
    assert "5/5" in capsys.readouterr().out


@pytest.mark.thorough
def test_a_full_disk_is_named_and_nothing_is_lost(course: Course, submissions: Path, tmp_path: Path) -> None:
    """With room again, the same command finishes the class."""
    require("root", present=os.geteuid() == 0, way_out="Only root can mount a small disk.")
    few, out = half_a_class(submissions, tmp_path), tmp_path / "out"
    out.mkdir()
    grade = shlex.join([AUTOGRADER, "--course", str(course.root), "grade", str(few), "--out", str(out)])
    steps = f"""
        mount -t tmpfs -o size=600k tmpfs {out}
        {grade} --workers 2 && exit 9
        mount -o remount,size=50m {out}
        exec {grade} --workers 1
    """
    command = ["unshare", "--mount", "--propagation=private", "--", "sh", "-c", steps]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert re.search("No space left on device|disk is full", done.stderr), done.stderr
    assert "Traceback" not in done.stderr
    assert "5/5" in done.stdout


def test_ctrl_c_stops_cleanly(course: Course, submissions: Path, tmp_path: Path) -> None:
    """One line instead of a traceback, no process and no folder left."""
    few = half_a_class(submissions, tmp_path)
    command = [AUTOGRADER, "--course", str(course.root), "grade", str(few), "--out", str(tmp_path / "out")]
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    environment = {**os.environ, "TMPDIR": str(temporary)} if len(str(temporary)) < 60 else dict(os.environ)
    with subprocess.Popen(
        [*command, "--workers", "2"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as run:
        assert run.stdout
        assert run.stderr
        next(line for line in run.stdout if "1/5" in line)
        family = psutil.Process(run.pid).children(recursive=True)
        run.send_signal(signal.SIGINT)
        words = run.stderr.read()
    assert run.returncode == 130
    assert words.strip() == "autograder: stopped; the same command goes on from here"
    assert not psutil.wait_procs(family, timeout=20)[1]
    assert not list(Path(environment.get("TMPDIR", tempfile.gettempdir())).glob(f"autograder-{run.pid}-*"))


@pytest.fixture
def cluster() -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """A Dask scheduler and two workers, real processes on this machine."""
    from distributed import Client

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "scheduler.json")
        quiet = {"cwd": folder, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        common = ["--host", "127.0.0.1", "--no-dashboard", "--scheduler-file", str(file)]
        scheduler = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--port", "0", *common]
        worker = [sys.executable, "-m", "distributed.cli.dask_worker", "--nthreads", "1", "--no-nanny", *common]
        started = [subprocess.Popen(command, **quiet) for command in (scheduler, worker, worker)]
        try:
            with Client(scheduler_file=str(file), timeout=60, set_as_default=False) as client:
                client.wait_for_workers(2, timeout=60)
                address = client.scheduler.address
            yield address, started
        finally:
            for process in reversed(started):
                process.terminate()
                process.wait()


@pytest.mark.thorough
def test_a_dask_cluster_grades_and_survives_a_worker(
    cluster, course: Course, submissions: Path, tmp_path: Path
) -> None:
    """The same grades from a cluster, also when one of its two workers is killed after the first submission."""
    address, processes = cluster
    few = half_a_class(submissions, tmp_path)

    def kill_one(done: int, *_: object) -> None:
        if done == 1:
            processes[-1].kill()

    grades = grade_class(
        course, find_submissions(course, few), tmp_path / "out", pool=dask_pool(address), progress=kill_one
    )
    assert [grade.total for grade in grades] == [0, 5, 9, 5, 4]


@pytest.mark.thorough
def test_no_cluster_is_a_clear_error() -> None:
    """The address stands in the message."""
    with (
        pytest.raises(GraderError, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:9"),
        dask_pool("tcp://127.0.0.1:9")(),
    ):
        pass
