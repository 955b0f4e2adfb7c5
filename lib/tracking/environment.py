"""What a run ran on: Python, operating system, processor, and every installed package with its version."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import platform
import re
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import Distribution
from pathlib import Path

LOCK = "requirements.lock"
THREADS = ("OMP_NUMTHREADS", "OPENBLAS_NUMTHREADS", "MKL_NUMTHREADS", "PYTHONHASHSEED")


@dataclass(frozen=True, kw_only=True)
class Environment:
    """`lock` is the SHA-256 of `requirements.lock`, None when no lock was found; `packages` maps names to versions."""

    python: str
    system: str
    cpu: str
    cores: int
    threads: Mapping[str, str]
    lock: str | None
    packages: Mapping[str, str]

    def to_json(self) -> str:
        """The whole record as indented JSON, keys sorted."""
        return json.dumps(asdict(self), indent=2, sort_keys=True)


def environment(root: Path) -> Environment:
    """The environment of this process; the lock is looked for from `root` upwards, then beside this package."""
    return Environment(
        python=f"{platform.python_implementation()} {platform.python_version()}",
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        cpu=_cpu(),
        cores=os.cpu_count() or 1,
        threads={name: os.environ[name] for name in THREADS if name in os.environ},
        lock=_lock_digest(root),
        packages=_installed(tuple(sys.path), _stamps(tuple(sys.path))),
    )


def differences(then: Mapping[str, object], now: Environment) -> list[str]:
    """What differs between a recorded environment (parsed from `to_json`) and `now`, one line each, for a person.

    Thread settings are left out: a replay takes over those recorded.
    """
    current = json.loads(now.to_json())
    lines = [
        f"{label}: {then.get(key)} then, {current[key]} now"
        for key, label in (("python", "Python"), ("system", "operating system"), ("cpu", "CPU"), ("cores", "CPU cores"))
        if then.get(key) != current[key]
    ]
    if then.get("lock") != current["lock"]:
        lines.append(f"requirements.lock: {then.get('lock')} then, {current['lock']} now")
    before, after = then.get("packages"), current["packages"]
    before = before if isinstance(before, Mapping) else {}
    return lines + [
        f"package {name}: {before.get(name, 'absent')} then, {after.get(name, 'absent')} now"
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name)
    ]


def requirements(packages: Mapping[str, str], names: tuple[str, ...]) -> list[str]:
    """`name==version` for those of `names` that are installed."""
    return [f"{name}=={packages[name]}" for name in names if name in packages]


@functools.cache
def _cpu() -> str:
    listing = Path("/proc/cpuinfo")
    if listing.is_file():
        found = re.search(r"^model name\s*:\s*(.+)$", listing.read_text(), flags=re.MULTILINE)
        if found:
            return found.group(1).strip()
    return platform.processor() or platform.machine()


def _lock_digest(root: Path) -> str | None:
    start = root.resolve()
    for folder in (start, *start.parents, Path(__file__).resolve().parents[2]):
        if (folder / LOCK).is_file():
            return hashlib.sha256((folder / LOCK).read_bytes()).hexdigest()
    return None


def _stamps(paths: tuple[str, ...]) -> tuple[int, ...]:
    """Modification times of the folders that packages are installed in: installing one changes its folder's.

    The others are left out: the current directory changes with every run, and reading 200 packages takes 0.15 s.
    """
    folders = [Path(path) for path in paths if Path(path).name in {"site-packages", "dist-packages"}]
    return tuple(folder.stat().st_mtime_ns for folder in folders if folder.is_dir())


@functools.lru_cache(maxsize=1)
def _installed(paths: tuple[str, ...], _stamps: tuple[int, ...]) -> dict[str, str]:
    found: dict[str, str] = {}
    for distribution in Distribution.discover(path=list(paths)):
        name = distribution.metadata["Name"]
        if name:
            # The first on the path is the one that Python imports.
            found.setdefault(re.sub(r"[-_.]+", "-", name).lower(), distribution.version)
    return dict(sorted(found.items()))
