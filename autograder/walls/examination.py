"""Answers one `examine(...)` inside the walls: a fresh process without student code looks at the submission's files."""

from __future__ import annotations

import importlib
import os
import signal
import socket
import sys
from typing import Any, NoReturn

from autograder import wire
from autograder.walls import linux


def answer_examination(request: dict[str, Any], descriptor: int) -> NoReturn:
    """In a fork of the submission's process 1: read the question from the socket, look, write the answer, end.

    It cannot be traced by the submission's processes, and its /tmp and home are its own.
    """
    from autograder.walls.jail import confine

    with socket.socket(fileno=descriptor) as line:
        try:
            if request["nested"]:
                _private_places()
            confine(request)
            linux.set_dumpable(dumpable=False)
            question = wire.loads(_read(line))
            signal.setitimer(signal.ITIMER_REAL, question["limit_s"])
            reply = _look(question)
        except BaseException as error:  # noqa: BLE001 - it has to reach the grader
            reply = {"fault": f"{type(error).__name__}: {error}"}
        line.sendall(wire.dumps(reply).encode())
    os._exit(0)


def _private_places() -> None:
    from autograder.walls.jail import cover

    linux.unshare(linux.NEWNS)
    linux.mount("none", "/", "none", linux.MS_REC | linux.MS_PRIVATE)
    cover("/tmp", "size=256m,mode=1777")  # noqa: S108
    os.environ.update(HOME="/tmp", TMPDIR="/tmp")  # noqa: S108 - inside the sandbox


def _read(line: socket.socket) -> str:
    chunks = []
    while chunk := line.recv(1 << 20):
        chunks.append(chunk)
    return b"".join(chunks).decode()


def _look(question: dict[str, Any]) -> dict[str, Any]:
    try:
        os.chdir(question["workspace"])
    except OSError:
        return {"failure": "the workspace does not exist: the set-up cell did not run"}
    sys.path[:] = [entry for entry in sys.path if entry not in ("", question["workspace"])]
    module, _, name = question["target"].partition(":")
    try:
        function = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        return {"fault": f"examine({question['target']!r}): {error}"}
    try:
        return {"value": function(**question["arguments"])}
    except ImportError as error:  # nothing in a workspace is imported: the sandbox lacks it
        return {"fault": f"examine({question['target']!r}): {error}"}
    except Exception as error:  # noqa: BLE001 - it speaks of the workspace
        return {"failure": f"{type(error).__name__}: {error}"}
