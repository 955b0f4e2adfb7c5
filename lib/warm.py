"""Python modules run without their start: one process has imported what they need, and is forked for each run.

Before it does anything, `python -m lib pipeline step train` imports for seconds, and so does every step after it. Here
that is paid once. A run is still a process of its own, with its own folder, environment, output and exit code.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import runpy
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import lib

ADDRESS = "WARM_PYTHON"
"""The variable in which processes below ours find it."""
_ENDING_S = 2.0


@contextlib.contextmanager
def warm_python(preload: Mapping[str, Sequence[str]]) -> Iterator[dict[str, str]]:
    """The environment in which `python -m lib.warm MODULE …` and the steps of a pipeline are forked.

    `preload` has, by module that is to be run, or module and arguments, what is imported before its first run. Only on
    Linux: elsewhere the libraries do not stand a fork, the environment is empty, and every run starts by itself.
    """
    if sys.platform != "linux":
        yield {}
        return
    folder = Path(tempfile.mkdtemp(prefix="warm-"))  # nobody else may enter it
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(str(folder / "door"))
        door.listen()
        command = [sys.executable, "-m", "lib.warm", "--serve", str(door.fileno()), str(folder), json.dumps(preload)]
        home = os.pathsep.join(filter(None, [str(Path(lib.__file__).parents[1]), os.environ.get("PYTHONPATH")]))
        child = subprocess.Popen(
            command, stdin=subprocess.PIPE, pass_fds=[door.fileno()], env={**os.environ, "PYTHONPATH": home}
        )
    try:
        yield {ADDRESS: str(folder / "door")}
    finally:
        # The end of its input is the end of it, also when we are gone in another way.
        child.communicate()
        shutil.rmtree(folder, ignore_errors=True)


def run(address: str, module: str, arguments: Sequence[str]) -> int:
    """What `python -m MODULE …` would do here, with this output; the exit code, negative for a signal."""
    asked = {"module": module, "arguments": list(arguments), "folder": str(Path.cwd()), "environment": dict(os.environ)}
    message = json.dumps(asked).encode()
    with socket.socket(socket.AF_UNIX) as line:
        try:
            line.connect(address)
        except OSError:
            return _gone()
        # Ctrl-C reaches the run by itself, and what it makes of it is ours to tell.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        socket.send_fds(line, [len(message).to_bytes(8, "big")], [1, 2])
        line.sendall(message)
        code = line.recv(8)
    return int.from_bytes(code, "big", signed=True) if code else _gone()


def _gone() -> int:
    sys.stderr.write("the process that runs are forked from is gone; start again what started it\n")
    return 1


def _serve(door: socket.socket, preload: Mapping[str, Sequence[str]]) -> None:
    """Fork a process for each request until standard input ends; it waits for the run, so that this need not."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Those of OpenBLAS, which knows of forks. Ours has one thread.
    warnings.filterwarnings("ignore", message="This process .* is multi-threaded", category=DeprecationWarning)
    while sys.stdin not in select.select([sys.stdin, door], [], [])[0]:
        line, _ = door.accept()
        _bury()
        with line:
            asked, output = _receive(line)
            if asked is None:
                continue
            for name in (*preload.get(asked["module"], ()), *preload.get(_command(asked), ())):
                importlib.import_module(name)
            gc.freeze()  # or the first collection in each run would copy all of it
            if os.fork() == 0:
                door.close()
                _attend(line, asked, output)
            for descriptor in output:
                os.close(descriptor)
    _bury()


def _command(asked: dict[str, Any]) -> str:
    return " ".join([asked["module"], *asked["arguments"]])


def _bury() -> None:
    """Take note of children that have ended; what they cost is counted as ours then."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _receive(line: socket.socket) -> tuple[dict[str, Any] | None, list[int]]:
    """What is asked for, and where its output goes; nothing of who was killed while asking."""
    size, output, _, _ = socket.recv_fds(line, 8, 2)
    with line.makefile("rb") as stream:
        message = stream.read(int.from_bytes(size, "big"))
    return (json.loads(message), output) if message else (None, output)


def _attend(line: socket.socket, asked: dict[str, Any], output: list[int]) -> None:
    """Start the run and tell how it ended; when nobody waits for it any more, end it."""
    child = os.fork()
    if child == 0:
        line.close()
        _become(asked, output)  # ends the process
    for descriptor in output:
        os.close(descriptor)
    ended = os.pidfd_open(child)
    if line.fileno() in select.select([ended, line.fileno()], [], [])[0]:
        select.select([ended], [], [], _ENDING_S)  # the same Ctrl-C may be ending it
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGTERM)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    with contextlib.suppress(OSError):
        line.sendall(code.to_bytes(8, "big", signed=True))
    os._exit(0)


def _become(asked: dict[str, Any], output: list[int]) -> None:
    """Be `python -m MODULE …` from here on."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    for descriptor, place in zip(output, (1, 2), strict=True):
        os.dup2(descriptor, place)
        os.close(descriptor)
    os.chdir(asked["folder"])
    os.environ.clear()
    os.environ.update(asked["environment"])
    sys.path[0] = asked["folder"]
    sys.argv = [asked["module"], *asked["arguments"]]
    runpy.run_module(asked["module"], run_name="__main__", alter_sys=True)
    raise SystemExit(0)


def _main(arguments: Sequence[str]) -> int:
    if arguments[0] == "--serve":
        with socket.socket(fileno=int(arguments[1])) as door:
            _serve(door, json.loads(arguments[3]))
        shutil.rmtree(arguments[2], ignore_errors=True)
        return 0
    address = os.environ.get(ADDRESS)
    if address is not None:
        return run(address, arguments[0], arguments[1:])
    sys.argv = list(arguments)
    runpy.run_module(arguments[0], run_name="__main__", alter_sys=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(_main(sys.argv[1:]))
