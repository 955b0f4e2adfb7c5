"""Where something ran: Python, the platform, and the versions of what the lock names."""

from __future__ import annotations

import hashlib
import importlib.metadata
import platform
import re
import site
from functools import cache
from pathlib import Path

from autograder.models import Record


class Environment(Record):
    """Where a grading ran; `lock` is the SHA-256 of requirements.lock, if the course has one."""

    python: str
    platform: str
    lock: str | None
    packages: dict[str, str]


@cache
def environment(lock: Path) -> Environment:
    """This process's Python and packages: those that `lock` names, or all that are installed when there is no lock."""
    # Not sys.path, which grows as a process runs: setuptools appends what it brings along of other packages.
    found = importlib.metadata.distributions(path=site.getsitepackages())
    about = [_head(each) for each in found]
    plain = {_plain(each["Name"]): (each["Name"], each["Version"]) for each in about if "Name" in each}
    names = set(plain)
    if lock.is_file():
        named = re.findall(r"^([A-Za-z0-9][\w.-]*)==", lock.read_text("utf-8"), flags=re.MULTILINE)
        names &= {_plain(name) for name in named}
    return Environment(
        python=platform.python_version(),
        platform=platform.platform(),
        lock=file_hash(lock),
        packages=dict(plain[name] for name in sorted(names)),
    )


def _head(package: importlib.metadata.Distribution) -> dict[str, str]:
    """A package's name and version; to parse the whole metadata of some hundred, READMEs and all, takes seconds."""
    text = package.read_text("METADATA") or package.read_text("PKG-INFO") or ""
    return dict(re.findall(r"^(Name|Version): *(.+)$", text.partition("\n\n")[0], flags=re.MULTILINE))


def file_hash(path: Path) -> str | None:
    """The SHA-256 of a file in hexadecimal, None when there is no such file."""
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
