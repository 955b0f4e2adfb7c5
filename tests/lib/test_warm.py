"""Runs that are forked from a process that has imported: each as if it had been started by itself."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from lib.warm import ADDRESS, warm_python
from tests.lib.serving_tools import wait

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere every run starts by itself")

HEAVY = "import os\nPROCESS = os.getpid()\nCHANGED = []\n"
RUN = """
import os, sys
import heavy
heavy.CHANGED.append(sys.argv[1])
print(os.getpid() != heavy.PROCESS, os.getcwd(), os.environ["WORD"], sys.argv[1:], heavy.CHANGED)
print("trouble", file=sys.stderr)
raise SystemExit(7)
"""
WAITS = """
import os, pathlib, signal
pathlib.Path("process").write_text(str(os.getpid()))
signal.pause()
"""
DIES = "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n"


@pytest.fixture(scope="module")
def warm(tmp_path_factory):
    """A folder of modules, and the environment in which they are forked; `heavy` is imported before the first run."""
    folder = tmp_path_factory.mktemp("modules")
    for name, text in (("heavy", HEAVY), ("run", RUN), ("waits", WAITS), ("dies", DIES)):
        (folder / f"{name}.py").write_text(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(folder))
        with warm_python({"run": ["heavy"]}) as found:
            yield folder, {**os.environ, "PYTHONPATH": f"{ROOT}:{folder}", **found}


def start(module: str, *arguments: str, folder: Path, environment: dict[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "lib.warm", module, *arguments],
        cwd=folder, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


@pytest.mark.parametrize("word", ["one", "two"])
def test_a_run_has_its_own_folder_environment_and_end(warm, tmp_path, word):
    """What it prints, changes and returns is its own; what it imports was imported before, by another process."""
    _, environment = warm
    with start("run", word, folder=tmp_path, environment={**environment, "WORD": word}) as child:
        out, err = child.communicate()
    assert out == f"True {tmp_path} {word} ['{word}'] ['{word}']\n"
    assert err == "trouble\n"
    assert child.returncode == 7


def test_without_the_process_it_starts_by_itself(warm, tmp_path):
    """The same, but for what was imported before."""
    _, environment = warm
    alone = {name: value for name, value in environment.items() if name != ADDRESS}
    with start("run", "one", folder=tmp_path, environment={**alone, "WORD": "x"}) as child:
        out, _ = child.communicate()
    assert out == f"False {tmp_path} x ['one'] ['one']\n"
    assert child.returncode == 7


def test_a_run_that_was_killed_is_told_from_one_that_failed(warm, tmp_path):
    """And the next one is none the worse for it."""
    _, environment = warm
    with start("dies", folder=tmp_path, environment=environment) as child:
        child.communicate()
    assert child.returncode not in (0, 1, 7)
    with start("run", "on", folder=tmp_path, environment={**environment, "WORD": "x"}) as child:
        child.communicate()
    assert child.returncode == 7


def test_a_run_ends_with_who_waits_for_it(warm, tmp_path):
    """Nobody's step goes on behind a run of the pipeline that was killed."""
    _, environment = warm
    with start("waits", folder=tmp_path, environment=environment) as child:
        wait(lambda: (tmp_path / "process").exists() and (tmp_path / "process").read_text())
        process = int((tmp_path / "process").read_text())
        assert psutil.pid_exists(process)
        child.send_signal(signal.SIGKILL)
        child.communicate()
    wait(lambda: not psutil.pid_exists(process))


def test_nothing_is_left_of_it(tmp_path):
    """No process and no file; who asks afterwards is told."""
    with warm_python({}) as found:
        (server,) = [
            each for each in psutil.Process().children() if "--serve" in each.cmdline() and found[ADDRESS] in
            str(Path(each.cmdline()[each.cmdline().index("--serve") + 2], "door"))
        ]  # fmt: skip
    assert not server.is_running()
    assert not Path(found[ADDRESS]).parent.exists()
    with start("this", folder=tmp_path, environment={**os.environ, "PYTHONPATH": str(ROOT), **found}) as child:
        _, said = child.communicate()
    assert child.returncode == 1
    assert "start again" in said


def test_elsewhere_every_run_starts_by_itself(monkeypatch):
    """Where the libraries do not stand a fork, nothing is kept warm and nothing is named in the environment."""
    monkeypatch.setattr(sys, "platform", "darwin")
    with warm_python({}) as found:
        assert found == {}
