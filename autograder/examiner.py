"""Answers `examine(...)`: a fresh process without student code looks at the workspace that the student's code left.

A forkserver imports the course's heavy packages once, so that each question costs a fork.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import sys
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from autograder import wire
from autograder.errors import GraderError
from autograder.lab import Failure

_preload: dict[str, None] = {__name__: None, "autograder.cli": None}


def start_examiner(preload: tuple[str, ...]) -> None:
    """Name modules that the forkserver imports, beside those named before; it starts with the first question."""
    # Each question runs the program that started the grader once more, as multiprocessing does: have it imported, too.
    _preload.update(dict.fromkeys(preload))
    multiprocessing.get_context("forkserver").set_forkserver_preload(list(_preload))


def examine_workspace(
    workspace: Path, environment: dict[str, str], target: str, arguments: dict[str, Any], limit_s: float
) -> Any:
    """Call `module:function` with `arguments` inside `workspace`, in a process of its own; returns plain data.

    An exception of the examined function is a Failure: it speaks of what the student's code left behind.
    """
    if not workspace.is_dir():
        raise Failure("the workspace does not exist: the set-up cell did not run")
    context = multiprocessing.get_context("forkserver")
    ours, theirs = context.Pipe(duplex=False)
    request = wire.dumps({"target": target, "arguments": arguments})
    process = context.Process(target=_answer, args=(theirs, str(workspace), environment, request), daemon=True)
    process.start()
    theirs.close()
    try:
        if not ours.poll(limit_s):
            raise Failure(f"looking at the workspace took more than {limit_s:g} seconds")
        reply = wire.loads(ours.recv_bytes(wire.MAX_BYTES).decode())
    except EOFError:
        raise Failure("looking at the workspace ended without an answer") from None
    finally:
        ours.close()
        process.kill()
        process.join()
    if "failure" in reply:
        raise Failure(reply["failure"])
    if "fault" in reply:
        raise GraderError(reply["fault"])
    return reply["value"]


def _answer(pipe: Connection, workspace: str, environment: dict[str, str], request: str) -> None:
    os.chdir(workspace)
    os.environ.clear()
    os.environ.update(environment)
    sys.path[:] = [entry for entry in sys.path if entry not in ("", workspace)]
    message = wire.loads(request)
    module, _, name = message["target"].partition(":")
    try:
        function = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        reply = {"fault": f"examine({message['target']!r}): {error}"}
    else:
        try:
            reply = {"value": function(**message["arguments"])}
        except Exception as error:  # noqa: BLE001 - it speaks of the workspace
            reply = {"failure": f"{type(error).__name__}: {error}"}
    pipe.send_bytes(wire.dumps(reply).encode())
