"""Whether this machine is ready for the labs: a line for each point, ok or what is wrong and the way out."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from packaging.requirements import Requirement

from lib.errors import RedisServerError
from lib.redis_server import find_server

PYTHONS = ((3, 11), (3, 12), (3, 13))
DISK_NEEDED_GB = 1.0
PORTS = {5000: "make mlflow", 8000: "make serve"}


@dataclass(frozen=True)
class Point:
    """One thing that was looked at: what was `found`, or the `trouble` and its way out.

    What is not `needed` costs no points when it is missing.
    """

    name: str
    found: str = ""
    trouble: str = ""
    needed: bool = True

    def __str__(self) -> str:
        mark = "MEND" if self.trouble and self.needed else "note" if self.trouble else "ok"
        return f"{mark:4}  {self.name:9}  {self.trouble or self.found}"


def check_setup(root: Path) -> list[Point]:
    """Look at what the labs of the course in `root` need: Python, packages, `lib`, git, disk, `out/`, ports, Redis."""
    return [_python(), _packages(root), _lib(root), _git(), _disk(root), _out(root), *_ports(), _redis()]


def summary(points: list[Point]) -> str:
    """The points, a line each, and the verdict below them."""
    broken = sum(bool(point.trouble) and point.needed for point in points)
    verdict = f"{broken} to mend, each line says how" if broken else "ready"
    return "\n".join([*map(str, points), "", verdict])


def find_root(here: Path) -> Path:
    """The course's folder: the first one from `here` upwards that holds `requirements.lock` and `lib`, else `here`."""
    folders = (here, *here.parents)
    return next((each for each in folders if (each / "requirements.lock").is_file() and (each / "lib").is_dir()), here)


def _python() -> Point:
    found = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] in PYTHONS:
        return Point("Python", f"{found}, {sys.executable}")
    return Point("Python", trouble=f"is {found}; the course needs 3.11 or 3.12: `make setup PYTHON=python3.11`")


def _packages(root: Path) -> Point:
    """Each package of the lock that this system and Python need, in the version of the lock."""
    try:
        lines = (root / "requirements.lock").read_text("utf-8").splitlines()
    except OSError as error:
        return Point("packages", trouble=f"the lock cannot be read ({error}): open this page from the course's folder")
    pins = [Requirement(line.rstrip(" \\")) for line in lines if line[:1].isalnum()]
    pins = [pin for pin in pins if pin.marker is None or pin.marker.evaluate()]
    wrong = [f"{pin} {has}" for pin in pins if (has := _trouble(pin))]
    if not wrong:
        return Point("packages", f"{len(pins)}, each in the version of the lock")
    more = f" and {len(wrong) - 3} more" if len(wrong) > 3 else ""
    return Point("packages", trouble=f"{'; '.join(wrong[:3])}{more}: run `make setup`, then restart this kernel")


def _trouble(pin: Requirement) -> str:
    try:
        has = version(pin.name)
    except PackageNotFoundError:
        return "is missing"
    return "" if pin.specifier.contains(has, prereleases=True) else f"was expected, {has} is here"


def _lib(root: Path) -> Point:
    home = Path(__file__).resolve().parent
    if home == (root / "lib").resolve():
        return Point("lib", "comes from this folder")
    return Point("lib", trouble=f"comes from {home.parent}, another copy of the course: run `make setup` in {root}")


def _git() -> Point:
    try:
        done = subprocess.run(["git", "--version"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        return Point("git", trouble=f"does not run ({error}): install git; each lab keeps its history in it")
    return Point("git", done.stdout.strip().removeprefix("git version "))


def _disk(root: Path) -> Point:
    free = shutil.disk_usage(root).free / 1e9
    if free >= DISK_NEEDED_GB:
        return Point("disk", f"{free:,.0f} GB free")
    return Point("disk", trouble=f"{free:.1f} GB free, {DISK_NEEDED_GB:g} needed: free some, or `make clean`")


def _out(root: Path) -> Point:
    folder = root / "out" / "labs"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return Point("out/labs", "can be written; your runs and files go there")
    except OSError as error:
        return Point(
            "out/labs", trouble=f"cannot be written ({error}): take the course's folder to where you may write"
        )


def _ports() -> Iterator[Point]:
    """The labs take whatever port is free; two commands have a usual one."""
    for port, command in PORTS.items():
        with socket.socket() as probe:
            taken = probe.connect_ex(("127.0.0.1", port)) == 0
        trouble = f"is taken by another program: `{command} PORT={port + 1}`" if taken else ""
        yield Point(f"port {port}", f"is free for `{command}`", trouble, needed=False)


def _redis() -> Point:
    if os.environ.get("REDIS_URL"):
        return Point("Redis", "the one that REDIS_URL names", needed=False)
    try:
        return Point("Redis", find_server(), needed=False)
    except RedisServerError as error:
        return Point("Redis", trouble=f"{error} Without it the parts on streams are told, not run.", needed=False)
