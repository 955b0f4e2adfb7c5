"""The start page's look at the machine: fine here, and each trouble is told with its way out."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from lib import setup_check
from lib.setup_check import check_setup, find_root, summary

ROOT = Path(__file__).resolve().parents[2]


def trouble(root: Path, name: str) -> str:
    """What is said to be wrong with one point."""
    return next(point.trouble for point in check_setup(root) if point.name == name)


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A folder that is no course, with a lock that asks for what is not here."""
    (tmp_path / "requirements.lock").write_text(
        'numpy==0.0.1 ; python_full_version >= "3.11" \\\n    --hash=sha256:00\n'
        "no-such-package==1 \\\n    --hash=sha256:00\n"
        'pywin32==1 ; sys_platform == "no such system" \\\n    --hash=sha256:00\n'
    )
    return tmp_path


def test_the_environment_of_the_tests_is_ready() -> None:
    """What `make setup` makes passes its own check, found from a lab's folder."""
    points = check_setup(find_root(ROOT / "labs" / "01_tracking"))
    assert [str(point) for point in points if point.trouble and point.needed] == []
    assert summary(points).endswith("\nready")


def test_packages_are_compared_with_the_lock(bare: Path) -> None:
    """Another version and a missing package are named; what this system does not need is not."""
    said = trouble(bare, "packages")
    assert "numpy==0.0.1" in said
    assert "no-such-package==1 is missing" in said
    assert "pywin32" not in said
    assert "run `make setup`" in said


def test_a_page_outside_the_course_is_told(tmp_path: Path) -> None:
    """Without a lock there is nothing to compare with, and another copy's `lib` is not this one's."""
    assert "open this page from the course's folder" in trouble(tmp_path, "packages")
    assert f"comes from {ROOT}, another copy of the course" in trouble(tmp_path, "lib")


def test_what_cannot_be_written_or_found_is_told(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file where a folder is needed, no git, no Redis, too little room: each has its way out, Redis costs nothing."""
    (bare / "out").write_text("")
    (bare / "bin").mkdir()
    monkeypatch.setenv("PATH", str(bare / "bin"))
    monkeypatch.setattr("lib.redis_server._server_in_wheel", lambda: None)
    monkeypatch.setattr(setup_check, "DISK_NEEDED_GB", 1e9)
    said = {point.name: point for point in check_setup(bare)}
    assert "install git" in said["git"].trouble
    assert "cannot be written" in said["out/labs"].trouble
    assert "needed: free some" in said["disk"].trouble
    assert "REDIS_URL" in said["Redis"].trouble
    assert not said["Redis"].needed
    assert summary(list(said.values())).endswith("\n5 to mend, each line says how")


def test_a_taken_port_is_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another program on a usual port stops nobody; the command for another port is said."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        monkeypatch.setattr(setup_check, "PORTS", {port: "make mlflow"})
        assert trouble(ROOT, f"port {port}") == f"is taken by another program: `make mlflow PORT={port + 1}`"
