"""What the READMEs and guides show works as they say: commands exist, files are there, code runs, links lead on."""

from __future__ import annotations

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from autograder.course import load_course
from autograder.release import leaks, write_release
from lib.cli import _parser

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
READ = ("*.md", "assets/release/*.md", "lib/*.md", "labs/guide/**/*.md", "solutions/guide/*.md")
PAGES = sorted(page for pattern in READ for page in ROOT.glob(pattern))
COMMANDS = [
    line.partition("#")[0].strip()
    for page in PAGES
    for block in re.findall(r"```bash\n(.*?)```", page.read_text("utf-8"), re.DOTALL)
    for line in block.splitlines()
]
MAKE = sorted({command for command in COMMANDS if command.startswith("make ")})
LIB = sorted({command for command in COMMANDS if command.startswith("python -m lib")})
AUTOGRADER = sorted({command for command in COMMANDS if command.startswith(".venv/bin/autograder")})


@pytest.mark.parametrize("command", MAKE)
def test_make_targets_exist(command: str) -> None:
    """Every `make` command of the pages can be planned here."""
    subprocess.run([*shlex.split(command), "-n"], cwd=ROOT, check=True, capture_output=True)


@pytest.mark.parametrize("command", AUTOGRADER)
def test_autograder_commands_parse(command: str) -> None:
    """Every `autograder` command names a subcommand and options that exist, and files that are there."""
    words = shlex.split(command)[1:]
    known = subprocess.run(
        [sys.executable, "-m", "autograder", words[0], "--help"], check=True, capture_output=True, text=True
    ).stdout
    for word in words[1:]:
        if word.startswith("--"):
            assert word in known
        elif "/" in word and not word.startswith("out/"):
            assert (ROOT / word).exists(), word


@pytest.mark.parametrize("command", LIB)
def test_lib_commands_parse(command: str) -> None:
    """Every `python -m lib` command names a command, options and files that exist."""
    options = _parser().parse_args(shlex.split(command)[3:])
    assert callable(options.run)
    for value in vars(options).values():
        assert not isinstance(value, Path) or value.parts[0] == "out" or (ROOT / value).exists(), value


@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if page.parent != ROOT / "assets" / "release"],  # its links are those of the release, below
    ids=lambda page: str(page.relative_to(ROOT)),
)
def test_links_lead_somewhere(page: Path) -> None:
    """Relative links point at files of the repository, and at headings that these have."""
    for target, heading in links(page):
        assert target.exists(), target
        assert not heading or heading in anchors(target), f"{target.name}#{heading}"


def links(page: Path) -> list[tuple[Path, str]]:
    """The relative links of a page outside its code: the file each names (its own, if none), and the heading."""
    text = re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text("utf-8"), flags=re.DOTALL)
    found = re.findall(r"\]\((?!https?:|mailto:)([^)#\s]*)#?([^)\s]*)\)", text)
    return [((page.parent / target).resolve() if target else page, heading) for target, heading in found]


def anchors(page: Path) -> set[str]:
    """The headings of a page as GitHub links them: lower case, words joined by hyphens, the rest dropped."""
    headings = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def test_the_readme_is_short() -> None:
    """A stranger reads it to the end; depth is in the guides."""
    assert len(README.splitlines()) <= 160


def test_every_module_of_the_course_is_in_the_table() -> None:
    """The lab table links each module that exists."""
    for module in load_course(ROOT).modules:
        assert f"labs/{module.id}/{module.id}.ipynb" in README


@pytest.mark.thorough
def test_python_example_runs(tmp_path: Path) -> None:
    """The example of `lib` prints an error in EUR and an equal replay, then the champion and how it came there."""
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "lib" / "README.md").read_text("utf-8"), re.DOTALL)
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    replayed, promoted = done.stdout.splitlines()
    assert re.fullmatch(r"[\d,]+ EUR True", replayed)
    assert re.fullmatch(r"1 3 · .* UTC · you: version 1 Staging → Production \(approved by rita\)", promoted)


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that students get."""
    folder = tmp_path_factory.mktemp("students") / "release"
    write_release(load_course(ROOT), folder)
    return folder


@pytest.mark.thorough
def test_release_gives_nothing_away(release: Path) -> None:
    """No solution, hidden test, submission, sample class or history is in it; what the labs need is."""
    names = {path.name for path in release.rglob("*") if path.parent.name != ".jupyter"}  # there, what Validate needs
    assert leaks(load_course(ROOT), release) == []
    assert not names & {
        "solutions",
        "tests",
        "sample_class",
        ".git",
        "course.toml",
        "course.mk",
        "check.py",
        "nbgrader_config.py",
    }
    assert {"Makefile", "requirements.lock", "environment.yml", "README.md", "lab.py"} <= names


def test_links_of_the_release_stay_in_it(release: Path) -> None:
    """What students read points at nothing that only the instructor has."""
    for page in (*release.glob("*.md"), *release.glob("lib/*.md"), *release.glob("labs/guide/**/*.md")):
        for target, _ in links(page):
            assert target.exists(), f"{page.relative_to(release)}: {target}"
            assert target.is_relative_to(release), target


def test_labs_run_from_the_release(release: Path) -> None:
    """The set-up cell of a lab works with what the release holds, and with nothing of the checkout."""
    code = "import lib, autograder.lab, lib.workspace, pathlib; print(lib.__file__, lib.workspace.enter('01_tracking'))"
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(release), "HOME": str(release)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=release, env=environment, capture_output=True, text=True, check=True
    )
    imported, workspace = done.stdout.split()
    assert imported.startswith(str(release))
    assert workspace == str(release / "out" / "labs" / "01_tracking")


@pytest.fixture
def jupyter(tmp_path: Path) -> Iterator[str]:
    """`make lab` in the background: its address once it answers; the server is stopped at the end."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = f"--no-browser --ServerApp.port={port} --IdentityProvider.token=secret"
    process = subprocess.Popen(
        ["make", "lab", f"LAB_OPTIONS={options}"],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        env={**os.environ, "HOME": str(tmp_path), "JUPYTER_RUNTIME_DIR": str(tmp_path / "runtime")},
    )
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=30)


def fetch(address: str, deadline: float) -> str:
    """The page at `address`, as soon as the server answers."""
    while True:
        try:
            with urllib.request.urlopen(address, timeout=30) as answer:
                return str(answer.read().decode())
        except OSError:
            if time.monotonic() > deadline:
                raise
            threading.Event().wait(0.2)


def test_make_lab_serves_the_labs(jupyter: str) -> None:
    """JupyterLab answers on this machine and lists module 01."""
    listing = fetch(f"{jupyter}/api/contents/01_tracking?token=secret", time.monotonic() + 60)
    assert "01_tracking.ipynb" in listing
