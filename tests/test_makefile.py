"""The Makefile is the one vocabulary; its setup finds a Python that works and is quick the second time."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MAKEFILE = (ROOT / "Makefile").read_text() + (ROOT / ".ci/course.mk").read_text()
TARGETS = " ".join(re.findall(r"^\.PHONY: (.+)$", MAKEFILE, re.MULTILINE)).split()
SUPPORTED = "#!/bin/sh\necho /fake/$(basename $0)\n"
BROKEN_SHIM = "#!/bin/sh\necho 'pyenv: command not found' >&2\nexit 127\n"
TOO_OLD = "#!/bin/sh\necho 'is Python 3.9' >&2\nexit 1\n"


@pytest.fixture
def course(tmp_path):
    """A copy of what setup reads, with an environment that is ready: its programs only say that they were called."""
    folder = tmp_path / "a course"  # a path with a space in it, as people have
    (folder / ".venv/bin").mkdir(parents=True)
    for name in ("Makefile", "pyproject.toml", "requirements.lock", "requirements-dev.lock"):
        shutil.copy(ROOT / name, folder)
    shutil.copytree(ROOT / ".ci", folder / ".ci")
    for program in ("pytest", "jupyter", "mlflow", "autograder", "python", "ruff", "mypy", "lint-imports", "uv"):
        script(folder / ".venv/bin" / program, '#!/bin/sh\necho called: "$(basename "$0")" "$@"\n')
    (folder / ".venv/.ready").touch()
    return folder


@pytest.fixture
def tools(tmp_path):
    """A folder with the few programs that the scripts of .ci need, for a PATH without this machine's Pythons."""
    folder = tmp_path / "tools"
    folder.mkdir()
    for program in ("bash", "sh", "cat", "ls", "grep", "dirname", "basename", "id"):
        (folder / program).symlink_to(shutil.which(program))
    return folder


def script(path: Path, text: str) -> None:
    """Write a program."""
    path.write_text(text)
    path.chmod(0o755)


def run(*command: str, **options) -> subprocess.CompletedProcess[str]:
    """The finished command, with its output."""
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


def make(folder: Path, *arguments: str, said: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
    """Call make as a person would, without the variables of a make or of .ci/run around the tests."""
    inherited = {"MAKEFLAGS", "MAKELEVEL", "MFLAGS", "PYTHON", "VENV", "TESTS", "JOBS", "MODULE", "UV_COMPILE_BYTECODE"}
    ours = {name: value for name, value in os.environ.items() if name not in inherited}
    return run("make", *arguments, cwd=folder, input=said, env={**ours, **variables})


def find_python(tools: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Call .ci/python where only the programs of `tools` exist."""
    return run(str(ROOT / ".ci/python"), env={"PATH": str(tools), **variables})


def test_help_lists_every_target():
    """`make` alone says what there is to do, one line each."""
    done = make(ROOT)
    assert done.returncode == 0, done.stderr
    listed = re.findall(r"^  make ([\w-]+) +\S.+$", done.stdout, re.MULTILINE)
    assert listed == TARGETS
    wanted = "help setup demo lab mlflow build release test lint audit bench clean lock assets"
    assert set(wanted.split()) <= set(TARGETS)


@pytest.mark.parametrize("target", TARGETS)
def test_every_target_can_be_planned(course, target):
    """`make -n` expands each recipe without an error."""
    done = make(course, "-n", target)
    assert done.returncode == 0, done.stderr


def test_setup_does_nothing_when_nothing_changed(course):
    """The second `make setup` takes no time."""
    assert make(course, "-q", ".venv/.ready").returncode == 0
    assert make(course, "setup").stdout == ".venv is ready\n"


@pytest.mark.parametrize("changed", ["requirements-dev.lock", "pyproject.toml", ".ci/debian-packages"])
def test_setup_runs_again_after_a_change(course, changed):
    """A pulled change of what is installed reaches the environment by itself."""
    os.utime(course / ".venv/.ready", (1, 1))
    os.utime(course / changed)
    assert make(course, "-q", ".venv/.ready").returncode == 1


def test_another_python_means_another_setup(course):
    """`PYTHON=python3.12 make test` does not run on the environment of 3.11."""
    assert make(course, "-q", ".venv/.ready-python3.12", "PYTHON=python3.12").returncode == 1


def test_targets_use_the_environment_and_nothing_else(course):
    """Programs come from .venv, wherever the course lies and whatever is on PATH."""
    assert "called: autograder build" in make(course, "build").stdout
    assert "grade assets/sample_class --out out/demo --module 01_tracking" in make(course, "demo").stdout
    assert "called: autograder grade out/class/submissions --out out/class" in make(course, "class").stdout
    assert (
        "called: python -m lib autoscale --seconds 30 --peak 9"
        in make(course, "autoscale", "SECONDS=30", "AUTOSCALE_OPTIONS=--peak 9").stdout
    )


def test_lab_opens_the_start_page_on_this_machine_only(course):
    """JupyterLab starts on the first page; without PORT= it may take another port than 8888, and says which."""
    started = make(course, "lab").stdout
    assert "--ServerApp.ip=127.0.0.1 --ServerApp.root_dir=labs" in started
    assert "--LabApp.default_url=/lab/tree/00_start_here.ipynb" in started
    assert "--ServerApp.port_retries=50" in started


def test_a_chosen_port_is_that_port_or_none(course):
    """With PORT= the lab is where it was asked for; a port that is taken is said plainly, and nothing starts."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = f"PORT={listener.getsockname()[1]}"
        assert f"--ServerApp.port={port[5:]} --ServerApp.port_retries=0" in make(course, "lab", port).stdout
        listener.listen()
        done = make(course, "lab", port)
    assert done.returncode != 0
    assert f"Port {port[5:]} of this machine is taken by another program" in done.stdout
    assert "called: jupyter" not in done.stdout


def test_mlflow_asks_for_a_lab_run_first(course):
    """Without runs there is nothing to show, and the way out is said."""
    done = make(course, "mlflow", "MODULE=02_registry")
    assert done.returncode != 0
    assert "out/labs/02_registry has no runs yet: run the lab first" in done.stdout


def test_mlflow_serves_a_lab_s_runs_on_this_machine_only(course):
    """The pages open on the workspace's own store."""
    store = course / "out/labs/01_tracking/mlflow.db"
    store.parent.mkdir(parents=True)
    store.touch()
    done = make(course, "mlflow", "PORT=5050")
    assert "ui --backend-store-uri sqlite:///mlflow.db --host 127.0.0.1 --port 5050" in done.stdout


@pytest.mark.parametrize(("arguments", "answer"), [((), "y\n"), (("YES=1",), "")])
def test_clean_keeps_the_environment(course, arguments, answer):
    """What commands made goes, once that is wanted; what took long to install stays."""
    for folder in ("out/demo", ".pytest_cache", "lib/__pycache__", ".venv/lib/__pycache__"):
        (course / folder).mkdir(parents=True)
    assert make(course, "clean", *arguments, said=answer).returncode == 0
    assert not (course / "out").exists()
    assert not (course / ".pytest_cache").exists()
    assert not (course / "lib/__pycache__").exists()
    assert (course / ".venv/lib/__pycache__").exists()


@pytest.mark.parametrize("answer", ["n\n", "\n", ""])
def test_clean_removes_nothing_unasked(course, answer):
    """Whoever says no, or nothing, keeps a term's grades."""
    (course / "out/class").mkdir(parents=True)
    done = make(course, "clean", said=answer)
    assert done.returncode != 0
    assert "Nothing was removed." in done.stdout
    assert (course / "out/class").exists()


def test_the_systems_python_comes_before_a_version_managers(tools, tmp_path):
    """pyenv compiles without optimisations: its Python, though first on PATH, serves only where there is no other."""
    (tmp_path / "shims").mkdir()
    script(tmp_path / "shims/python3.11", "#!/bin/sh\necho /a/slow/one\n")
    assert find_python(tools, PATH=f"{tmp_path}/shims:{tools}").stdout == "/a/slow/one\n"
    script(tools / "python3.11", SUPPORTED)
    assert find_python(tools, PATH=f"{tmp_path}/shims:{tools}").stdout == "/fake/python3.11\n"


def test_a_shim_that_fails_is_passed_over(tools):
    """A version manager's python3.11 exists and does not start: the next version is taken."""
    script(tools / "python3.11", BROKEN_SHIM)
    script(tools / "python3.12", SUPPORTED)
    assert find_python(tools).stdout == "/fake/python3.12\n"


def test_a_version_manager_s_own_folder_is_searched(tools, tmp_path):
    """The Python behind a failing shim is found where pyenv keeps it."""
    for folder, text in {"pyenv/shims": BROKEN_SHIM, "pyenv/versions/3.11.7/bin": SUPPORTED}.items():
        (tmp_path / folder).mkdir(parents=True)
        script(tmp_path / folder / "python3.11", text)
    done = find_python(tools, PATH=f"{tmp_path}/pyenv/shims:{tools}")
    assert done.stdout == "/fake/python3.11\n"


def test_no_python_is_said_plainly(tools):
    """The message says what is needed, what was tried and what to do."""
    script(tools / "python3", TOO_OLD)
    done = find_python(tools)
    assert done.returncode == 1
    assert "No Python 3.11, 3.12 or 3.13 was found" in done.stderr
    assert "python3 is Python 3.9" in done.stderr
    assert "make setup PYTHON=" in done.stderr


def test_a_chosen_python_is_the_only_one_tried(tools):
    """PYTHON= never falls back to another version in silence."""
    script(tools / "python3.11", SUPPORTED)
    done = find_python(tools, PYTHON="python3.12")
    assert done.returncode == 1
    assert "PYTHON=python3.12 is not a Python that the course runs on" in done.stderr


def test_setup_never_empties_a_folder_that_is_no_environment(course):
    """A mistyped VENV= costs nobody their files."""
    (course / "thesis").mkdir()
    (course / "thesis/chapter.txt").write_text("years of work")
    script(course / ".ci/packages", "#!/bin/sh\n")
    done = make(course, "setup", "VENV=thesis")
    assert done.returncode != 0
    assert "VENV=thesis has files in it and is no Python environment" in done.stderr
    assert (course / "thesis/chapter.txt").exists()


@pytest.mark.parametrize("fails", [False, True])
def test_setup_ends_with_debians_packages(course, fails):
    """They come beside Python's own: the environment is ready when both are, and not if the check may miss none."""
    os.utime(course / ".venv/.ready", (1, 1))
    script(course / ".ci/packages", f"#!/bin/sh\nsleep 1\necho packages came\nexit {int(fails)}\n")
    done = make(course, "setup")
    assert "packages came" in done.stdout
    assert (done.returncode != 0, ".venv is ready" in done.stdout) == (fails, not fails), done.stderr


def test_packages_are_compiled_for_people_and_not_for_one_check(course):
    """A learner's first import is as quick as the next; .ci/run imports a part of them once."""
    os.utime(course / ".venv/.ready", (1, 1))
    script(course / ".ci/packages", "#!/bin/sh\n")
    script(course / ".venv/bin/uv", '#!/bin/sh\necho "compile: $UV_COMPILE_BYTECODE"\n')
    assert "compile: 1" in make(course, "setup").stdout
    os.utime(course / ".venv/.ready", (1, 1))
    assert "compile: 0" in make(course, "setup", UV_COMPILE_BYTECODE="0").stdout
    assert "export UV_COMPILE_BYTECODE=0\nunset PYTHONDONTWRITEBYTECODE\n" in (ROOT / ".ci/run").read_text()


def test_packages_are_never_installed_without_root(tools):
    """Someone who is not root gets one line to run."""
    (tools / "id").unlink()
    script(tools / "id", "#!/bin/sh\necho 1000\n")
    script(tools / "apt-get", "#!/bin/sh\necho apt-get was called\n")
    script(tools / "git", "#!/bin/sh\n")
    done = run(str(ROOT / ".ci/packages"), env={"PATH": str(tools)})
    assert done.returncode == 0
    assert re.search(r"sudo apt-get update && sudo apt-get install \S+ -y.* make\b.* chromium\b.*\n", done.stdout)
    assert " git" not in done.stdout
    assert "apt-get was called" not in done.stdout


def test_a_failing_installation_of_packages_stops_only_the_full_check(tools):
    """Without a network a laptop goes on; where nothing may be missing, nothing is."""
    (tools / "id").unlink()
    script(tools / "id", "#!/bin/sh\necho 0\n")
    script(tools / "apt-get", "#!/bin/sh\nexit 100\n")
    command = str(ROOT / ".ci/packages")
    assert run(command, env={"PATH": str(tools)}).returncode == 0
    assert run(command, env={"PATH": str(tools), "REQUIRE_ALL": "1"}).returncode == 1


def test_everything_there_needs_no_word(tools):
    """With all packages present the step is silent, and asks apt-get nothing."""
    for name in (
        "git", "make", "bwrap", "google-chrome", "podman", "crun", "mmdebstrap", "promtool", "amtool", "haproxy",
    ):  # fmt: skip
        script(tools / name, "#!/bin/sh\n")
    done = run(str(ROOT / ".ci/packages"), env={"PATH": str(tools)})
    if "python3-venv" not in done.stdout:  # this machine's own Python may lack venv
        assert (done.returncode, done.stdout) == (0, "")
