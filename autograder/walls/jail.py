"""Closes the walls of one submission: in a fork of the zygote, namespaces, mounts and limits, then the kernel.

The submission's process 1 (`_keep`) is trusted code. It holds the line to the grader, signals the kernel, forks a fresh
process for each `examine`, and watches memory; when it ends, everything of the submission ends with it.
"""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from autograder.walls import linux
from autograder.walls.examination import answer_examination

_TICK_MS = 200
_MAX_MESSAGE = 65_536


def admit(request: dict[str, Any], line: socket.socket, listeners: list[int]) -> NoReturn:
    """In a fork of the zygote: start process 1 of the submission, hand its pidfd to the grader over `line`, end."""
    try:
        if request["nested"]:
            _leave_namespaces()
        child = os.fork()
        if child:
            pidfd = os.pidfd_open(child)
            socket.send_fds(line, [b"{}"], [pidfd])
            os._exit(0)
        _keep(request, line, listeners)
    except BaseException as error:  # noqa: BLE001 - it has to reach the grader, whatever it is
        with suppress(OSError):
            line.send(json.dumps({"fault": f"{type(error).__name__}: {error}"}).encode()[:_MAX_MESSAGE])
        os._exit(1)


def _leave_namespaces() -> None:
    user, group = os.getuid(), os.getgid()
    linux.set_dumpable(dumpable=True)  # else its own uid_map would not be its to write
    linux.unshare(linux.ALL_NAMESPACES)
    Path("/proc/self/setgroups").write_text("deny", "ascii")
    Path("/proc/self/uid_map").write_text(f"{user} {user} 1", "ascii")
    Path("/proc/self/gid_map").write_text(f"{group} {group} 1", "ascii")


def _keep(request: dict[str, Any], line: socket.socket, listeners: list[int]) -> NoReturn:
    linux.set_dumpable(dumpable=False)
    _close_others({line.fileno(), *listeners})
    if request["nested"]:
        _mount(request["limits"]["disk_mb"])
        linux.loopback_up()
        Path("/proc/sys/user/max_user_namespaces").write_text("0", "ascii")
    os.environ.clear()
    os.environ.update(request["environment"])
    Path(request["environment"]["HOME"]).mkdir(exist_ok=True)
    os.chdir(request["folder"])
    kernel = os.fork()
    if kernel == 0:
        line.close()
        _become_kernel(request, listeners)
    for descriptor in listeners:
        os.close(descriptor)
    _supervise(request, line, kernel)


def _mount(disk_mb: int) -> None:
    """Fresh, size-limited folders of the submission's own, and a /proc that shows its own processes alone."""
    linux.mount("none", "/", "none", linux.MS_REC | linux.MS_PRIVATE)
    for folder in ("/submission", "/tmp", "/dev/shm"):  # noqa: S108 - inside the sandbox
        cover(folder, f"size={disk_mb}m,nr_inodes=100000,mode=1777")
    linux.mount("proc", "/proc", "proc", linux.MS_NOSUID | linux.MS_NODEV | linux.MS_NOEXEC)


def cover(folder: str, options: str) -> None:
    """An empty folder in memory over `folder`; what is mounted below it, such as a course in /tmp, stays in sight."""
    shown = {path: os.open(path, os.O_PATH) for path in _mounts_below(folder)}
    linux.mount("tmpfs", folder, "tmpfs", linux.MS_NOSUID | linux.MS_NODEV, options)
    for path, descriptor in shown.items():
        Path(path).mkdir()
        linux.mount(f"/proc/self/fd/{descriptor}", path, "none", linux.MS_BIND | linux.MS_REC)
        os.close(descriptor)


def _mounts_below(folder: str) -> list[str]:
    points = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text("utf-8").splitlines()]
    return [point for point in points if os.path.dirname(point) == folder]  # noqa: PTH120 - text, not a path to follow


def _become_kernel(request: dict[str, Any], listeners: list[int]) -> NoReturn:
    os.setsid()
    linux.die_with_parent()
    confine(request)
    linux.set_dumpable(dumpable=True)  # its own children may look at it; nothing of ours is in there
    from autograder.walls.warm_kernel import serve

    try:
        serve(request["key"], listeners)
    finally:
        os._exit(0)


def confine(request: dict[str, Any]) -> None:
    """Limits, no capabilities, no way back; numpy's global generator is the same in every fork until it is reseeded."""
    limits = request["limits"]
    if request["nested"]:
        linux.drop_capabilities()
        resource.setrlimit(resource.RLIMIT_NPROC, (limits["processes"],) * 2)
    resource.setrlimit(resource.RLIMIT_DATA, (limits["memory_mb"] << 20,) * 2)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limits["disk_mb"] << 20,) * 2)
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 1024))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(int.from_bytes(os.urandom(4), "little"))


def _supervise(request: dict[str, Any], line: socket.socket, kernel: int) -> NoReturn:
    line.settimeout(0)
    waiting = select.poll()
    waiting.register(line, select.POLLIN)
    waiting.register(os.pidfd_open(kernel), select.POLLIN)
    while True:
        waiting.poll(_TICK_MS)
        _serve_line(request, line, kernel)
        _reap(line, kernel)
        if request["nested"] and (used := _memory_over(request["limits"]["memory_mb"])):
            _end(line, f"it used {used:,} MB of memory; {request['limits']['memory_mb']:,} MB are allowed")


def _serve_line(request: dict[str, Any], line: socket.socket, kernel: int) -> None:
    try:
        text, descriptors, _, _ = socket.recv_fds(line, _MAX_MESSAGE, 1)
    except BlockingIOError:
        return
    if not text:
        os._exit(0)  # the grader is gone
    message = json.loads(text)
    if message["op"] == "signal":
        with suppress(ProcessLookupError):
            os.kill(kernel, message["signal"])
    elif message["op"] == "examine":
        if os.fork() == 0:
            line.close()
            answer_examination(request, descriptors[0])
        os.close(descriptors[0])


def _reap(line: socket.socket, kernel: int) -> None:
    """Collect what ended, orphans of the submission included; the kernel's end is the submission's."""
    with suppress(ChildProcessError):
        while (found := os.waitpid(-1, os.WNOHANG))[0]:
            if found[0] == kernel:
                code = os.waitstatus_to_exitcode(found[1])
                how = f"ended by signal {signal.Signals(-code).name}" if code < 0 else f"exited with code {code}"
                _end(line, f"the kernel {how}")


def _end(line: socket.socket, reason: str) -> NoReturn:
    with suppress(OSError):
        line.send(json.dumps({"ended": reason}).encode())
    os._exit(0)


def _memory_over(limit_mb: int) -> int:
    """What all processes here use together, MB, if that is more than `limit_mb`, else 0.

    Shared pages count once (proportional set size); the resident size, quicker to read and never less, goes first.
    """
    pages = sum(_number(entry / "statm", " ") for entry in Path("/proc").glob("[0-9]*"))
    if pages * resource.getpagesize() <= limit_mb << 20:
        return 0
    used_mb = sum(_number(entry / "smaps_rollup", "\nPss:") for entry in Path("/proc").glob("[0-9]*")) >> 10
    return used_mb if used_mb > limit_mb else 0


def _number(file: Path, after: str) -> int:
    """The number behind the first `after` in a process's `file`; 0 when the process is gone."""
    try:
        return int(file.read_text("ascii").partition(after)[2].split(None, 1)[0])
    except (OSError, IndexError):
        return 0


def _close_others(keep: set[int]) -> None:
    quiet = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(quiet, standard)
    for number in [int(entry.name) for entry in Path("/proc/self/fd").iterdir()]:
        if number > 2 and number not in keep:
            with suppress(OSError):  # the descriptor that listed the folder is closed by now
                os.close(number)
