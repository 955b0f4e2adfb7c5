"""The container image as the tests have it: a base made of Debian's packages, wheels from this machine, podman."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from filelock import FileLock
from packaging.markers import default_environment

from tests.require import executable, require
from tests.test_environment import read_lock

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "requirements-serving.lock"
CONTEXT = ("lib", "assets/container", ".ci/image", "pyproject.toml", "README.md", "LICENSE", LOCK.name)
PACKAGES = ("python3", "python3-venv", "ca-certificates")
WAIT_S = 600
BASE, IMAGE = "localhost/base", "localhost/mlops-server"
# Works without systemd, and keeps apart from whatever podman this machine has: no file or lock is shared.
_ENGINE = """
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
lock_type = "file"
tmp_dir = "{folder}/tmp"
{runtime}
[containers]
default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]
"""
_STORAGE = """
[storage]
driver = "overlay"
graphroot = "{folder}/root"
runroot = "{folder}/run"
[storage.options.overlay]
skip_mount_home = "true"
"""


@dataclass(frozen=True)
class Podman:
    """A podman with a store of its own in `folder`."""

    folder: Path

    @cached_property
    def environment(self) -> dict[str, str]:
        runtime = "" if shutil.which("crun") else 'runtime = "runc"'
        files = {"CONTAINERS_CONF": _ENGINE, "CONTAINERS_STORAGE_CONF": _STORAGE}
        for name, text in files.items():
            (self.folder / name).write_text(text.format(folder=self.folder, runtime=runtime))
        return {**os.environ, **{name: str(self.folder / name) for name in files}}

    def __call__(self, *words: str, check: bool = True, **options: Any) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            ["podman", *words], env=self.environment, capture_output=True, text=True, timeout=WAIT_S, check=False,
            **options,
        )  # fmt: skip
        assert done.returncode == 0 or not check, (
            f"podman {' '.join(words)}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
        )
        return done

    def inspect(self, name: str) -> dict[str, Any]:
        """What podman knows of a container or an image."""
        return json.loads(self("inspect", name).stdout)[0]


@contextlib.contextmanager
def podman() -> Iterator[Podman]:
    """A podman whose images and containers are gone at the end; skips the test where it cannot run."""
    executable("podman")
    # Not pytest's folder: its path is too long for podman's sockets, and the last three are kept.
    with tempfile.TemporaryDirectory(prefix="podman-", ignore_cleanup_errors=True) as folder:
        found = Podman(Path(folder))
        able = found("info", check=False)
        require("a podman that works", present=able.returncode == 0, way_out=able.stderr.strip()[-500:])
        try:
            yield found
        finally:
            found("rm", "--all", "--force", "--volumes", "--time", "0", check=False)
            found("rmi", "--all", "--force", check=False)


def base() -> Path:
    """The file system of a small Debian with Python, made once a month."""
    mmdebstrap = executable("mmdebstrap")
    words = [
        mmdebstrap, "--variant=minbase", f"--include={','.join(PACKAGES)}", "--dpkgopt=path-exclude=/usr/share/doc/*",
        "--dpkgopt=path-exclude=/usr/share/man/*", "--dpkgopt=path-exclude=/usr/share/locale/*", "bookworm",
    ]  # fmt: skip
    key = hashlib.sha256(f"{words[1:]}{datetime.now(UTC):%Y-%m}".encode()).hexdigest()[:16]

    def make(path: Path) -> None:
        subprocess.run([*words, path], check=True, capture_output=True, timeout=WAIT_S)

    return _cached(f"base-{key}.tar", make, older="base-*.tar")


def wheels(python: str) -> Path:
    """A folder with the wheels of the lock for the base's Python (3.11.2), fetched as pip is set up here."""
    values = {
        **{name: str(value) for name, value in default_environment().items()},
        "python_version": python.rpartition(".")[0],
        "python_full_version": python,
    }
    # pip asks the markers of the Python that runs it, which is another one.
    wanted = [
        " ".join([f"{pin.name}=={pin.version}", *sorted(pin.hashes)]) for pin in read_lock(LOCK) if pin.applies(values)
    ]

    def make(folder: Path) -> None:
        folder.mkdir()
        listed = folder / "requirements.txt"
        listed.write_text("\n".join(wanted))
        subprocess.run(
            [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes", "--requirement",
             listed, "--dest", folder, "--only-binary", ":all:", "--python-version", values["python_version"]],
            check=True, timeout=WAIT_S,
        )  # fmt: skip

    key = hashlib.sha256("\n".join(wanted).encode()).hexdigest()[:16]
    return _cached(f"wheels-{key}", make, older="wheels-*")


def _cached(name: str, make: Callable[[Path], None], *, older: str) -> Path:
    """`name` in the user's cache, made if it is not there; it appears there whole, and what it replaces goes."""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "mlops-workbook")
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / name
    with FileLock(folder / f".{name}.lock", timeout=WAIT_S), tempfile.TemporaryDirectory(dir=folder) as scratch:
        if not target.exists():
            make(Path(scratch, name))
            for left in folder.glob(older):
                shutil.rmtree(left) if left.is_dir() else left.unlink()
            Path(scratch, name).replace(target)
    return target


def copied_context(folder: Path) -> Path:
    """What an image is made of, as it stands here, in a folder or over what is in a clone."""
    for name in CONTEXT:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.rmtree(folder / name, ignore_errors=True)
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(ROOT / name, folder / name)
    return folder


def unpacked(podman: Podman, volume: str, folder: Path) -> Path:
    """The content of a volume."""
    archive = folder / "volume.tar"
    podman("volume", "export", volume, "--output", str(archive))
    (folder / volume).mkdir()
    # Not tarfile, whose filters came with Python 3.11.4.
    subprocess.run(["tar", "--extract", "--file", archive, "--directory", folder / volume], check=True)
    return folder / volume
