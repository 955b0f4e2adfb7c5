"""A program that does not outlive the process that started it, in whatever way that ends."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

_STOP_TIMEOUT_S = 5.0
# The shell becomes the program, so that the program is our own child. Before that it leaves a watcher behind, which
# waits for its standard input to end (when we close it, or when we are gone in whatever way), then stops the program
# and removes its folder. A death signal from the kernel would be Linux only, and fires when the starting *thread* ends.
_WATCHED = 'exec 3<&0 </dev/null; (read -r _ <&3; kill "$$"; rm -rf -- "$0") & exec 3<&-; exec "$@"'


def start_child(command: Sequence[str], folder: Path, *, log: Path) -> subprocess.Popen[bytes]:
    """Start `command` in `folder`, which goes with it; what it says is written to `log`."""
    with log.open("wb") as stream:
        return subprocess.Popen(
            ["sh", "-c", _WATCHED, str(folder), *command],
            stdin=subprocess.PIPE, stdout=stream, stderr=stream, cwd=folder,
            env={**os.environ, "LC_ALL": "C"},
            start_new_session=True,  # Ctrl-C in a terminal or a notebook is meant for us
        )  # fmt: skip


def stop_child(child: subprocess.Popen[bytes]) -> None:
    """End it, by force when it does not end by itself."""
    # The watcher stops it once its input ends. Not reaped before, the process id cannot be another's by then.
    if child.stdin is not None:
        child.stdin.close()
    try:
        child.wait(_STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
