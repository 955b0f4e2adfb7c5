"""A secret in a file of its own, drawn once, that nobody but its owner may read, or whom its owner gave it to."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from pathlib import Path

from lib.errors import AccessError

BYTES = 32


def read_secret(path: Path) -> bytes:
    """The 32 bytes in `path`, drawn now when there is no such file; any number of processes may ask at once.

    A file of somebody else may be readable for our group: so Kubernetes hands out a Secret. Raises AccessError for a
    file that others may read, or that holds anything else.
    """
    if not path.exists():
        _draw(path)
    found = path.stat()
    mode, given = found.st_mode, found.st_uid != os.geteuid()
    if mode & ((stat.S_IWGRP if given else stat.S_IRWXG) | stat.S_IRWXO):
        raise AccessError(f"{path} may be used by others than its owner ({stat.filemode(mode)}). chmod 600 {path}")
    try:
        secret = bytes.fromhex(path.read_text("ascii"))
    except ValueError:
        secret = b""
    if len(secret) != BYTES:
        raise AccessError(f"{path} does not hold {BYTES} bytes in hexadecimal. Remove it, and another is drawn.")
    return secret


def _draw(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    file = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(file, "w") as stream:
            stream.write(secrets.token_hex(BYTES))
        # The first of several wins; unlike a rename, a link replaces nothing.
        with contextlib.suppress(FileExistsError):
            os.link(fresh, path)
    finally:
        fresh.unlink()
