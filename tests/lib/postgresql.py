"""A PostgreSQL server of a test's own: Debian's binaries, a temporary folder, a free port on loopback."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.require import require


@contextmanager
def postgresql() -> Iterator[str]:
    """The URI of an empty database; skips the test where the package is missing. PostgreSQL refuses to run as root."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    initdb = str(found[-1]) if found else shutil.which("initdb")
    require("postgresql", present=initdb is not None, way_out="Install it (Debian: apt-get install postgresql).")
    binaries = Path(str(initdb)).parent
    # Not pytest's folder, which other users cannot enter.
    with tempfile.TemporaryDirectory(prefix="postgresql-") as folder:
        user = _nobody(Path(folder))
        data, port = Path(folder, "data"), _free_port()
        _run([binaries / "initdb", "-D", data, "-U", "course", "-A", "trust", "--no-sync"], user)
        options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder} -c fsync=off"
        _run([binaries / "pg_ctl", "-D", data, "-w", "-l", Path(folder, "log"), "-o", options, "start"], user)
        try:
            yield f"postgresql://course@127.0.0.1:{port}/postgres"
        finally:
            _run([binaries / "pg_ctl", "-D", data, "-w", "-m", "immediate", "stop"], user)


def _nobody(folder: Path) -> str | None:
    if os.geteuid() != 0:
        return None
    name = "postgres" if any(entry.pw_name == "postgres" for entry in pwd.getpwall()) else "nobody"
    os.chown(folder, pwd.getpwnam(name).pw_uid, -1)
    return name


def _run(command: list[object], user: str | None) -> None:
    # No pipes: the server would keep them open.
    subprocess.run(
        [str(word) for word in command], check=True, user=user, cwd="/", stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60,
    )  # fmt: skip


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
