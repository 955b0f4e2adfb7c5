"""The warm process inside the sandbox: imports what the course's notebooks import, then forks one child a submission.

    python -P -m autograder.walls.zygote MODULE…      (standard input is the socket on which the grader asks)

It never runs student code itself and has no thread, so that a fork of it is as good as a fresh start.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import signal
import socket
import sys
import threading
from typing import Any

from autograder.walls import linux
from autograder.walls.jail import admit

_BASE = ("autograder.agent", "autograder.lab", "autograder.walls.warm_kernel", "IPython.core.completerlib")
_MAX_MESSAGE = 65_536
_MAX_DESCRIPTORS = 8


def main(modules: list[str]) -> None:
    """Import `modules`, say "ready" on the socket, then serve requests until the grader closes it.

    A request is for a child of a submission, or for more modules to import before the next one.
    """
    linux.set_dumpable(dumpable=False)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the grader, who closes the line
    line = socket.socket(fileno=os.dup(0))
    line.send(json.dumps(_prepare(modules)).encode())
    while True:
        text, descriptors, _, _ = socket.recv_fds(line, _MAX_MESSAGE, _MAX_DESCRIPTORS)
        if not text:
            return
        request = json.loads(text)
        if "preload" in request:
            line.send(json.dumps(_prepare(request["preload"])).encode())
            continue
        child = os.fork()
        if child == 0:
            line.close()
            signal.signal(signal.SIGINT, signal.default_int_handler)
            gc.enable()
            admit(request, socket.socket(fileno=descriptors[0]), descriptors[1:])
        for received in descriptors:
            os.close(received)
        os.waitpid(child, 0)


def _prepare(modules: list[str]) -> dict[str, Any]:
    # matplotlib reads it once, when it is imported; a kernel would set it only afterwards.
    os.environ.setdefault("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    for name in (*_BASE, *modules):
        try:
            importlib.import_module(name)
        except Exception as error:  # noqa: BLE001 - the grader says it
            return {"fault": f"preload {name!r} of course.toml: {type(error).__name__}: {error}"}
    threads = [thread.name for thread in threading.enumerate() if thread is not threading.main_thread()]
    if threads:
        return {"fault": f"a module of `preload` in course.toml starts threads ({', '.join(threads)}); leave it out"}
    gc.collect()
    gc.freeze()
    gc.disable()
    gc.set_threshold(50_000, 20, 100)  # for the children: at Python's own 700 it took a twentieth of a notebook's time
    return {"ready": True, "nested": _can_nest()}


def _can_nest() -> bool:
    """Whether this system lets a sandbox hold another one: tried in a child that ends at once."""
    child = os.fork()
    if child == 0:
        try:
            linux.unshare(linux.ALL_NAMESPACES)
        except OSError:
            os._exit(1)
        os._exit(0)
    return os.waitpid(child, 0)[1] == 0


if __name__ == "__main__":
    main(sys.argv[1:])
