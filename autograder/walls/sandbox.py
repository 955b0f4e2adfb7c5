"""The warm process behind the walls, as the grader holds it: started once, it forks one `Guest` a submission."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from multiprocessing.util import Finalize
from pathlib import Path

import psutil

from autograder.course import Course, Limits
from autograder.errors import GraderError
from autograder.walls.bubblewrap import COURSE, WAY_OUT, WallsUnavailable, walled
from autograder.walls.guest import Guest

_START_S = 900  # a machine may be busy; a process that ends is seen at once
_ADMIT_S = 20
_PACKAGE = Path(__file__).parents[1]
_WALLED_FOLDER = "/submission"
_PREFIX = "autograder-"


class Sandbox:
    """A process that has imported the course's packages, behind walls; `enter` forks one guest a submission.

    It starts with the first guest, and anew when it has died. What the course preloads for one module alone it imports
    for that module's first guest. Where the system lets no sandbox hold another, each guest has a fresh one to itself.
    `walls=False` is for submissions that one trusts.
    """

    def __init__(self, course: Course, *, walls: bool = True) -> None:
        self.course = course
        self.walls = walls
        self.nested = False
        self._spent = True
        self._imported: set[str] = set()
        self._packages = COURSE if walls else os.pathsep.join(dict.fromkeys((str(_PACKAGE.parent), str(course.root))))

    @property
    def pid(self) -> int:
        """The process that holds everything inside."""
        return self._process.pid

    @property
    def kind(self) -> str:
        """How submissions run, for whoever reads a figure or trusts a grade: warm, cold or without walls."""
        if not self.walls:
            return "without walls"
        return "walled, warm" if self.nested else "walled, cold: this system lets no sandbox hold another"

    def start(self) -> None:
        """Start the process and wait until it has imported everything; WallsUnavailable says what the system lacks."""
        self.close()
        command = [sys.executable, "-P", "-m", "autograder.walls.zygote", *self.course.preload]
        if self.walls:
            mounts = {"autograder": _PACKAGE, **{name: self.course.root / name for name in self.course.mounts}}
            command = walled(command, mounts=mounts, environment=self._environment(_WALLED_FOLDER))
        _sweep()
        self._scratch = tempfile.TemporaryDirectory(prefix=f"{_PREFIX}{os.getpid()}-", ignore_cleanup_errors=True)
        place = self._scratch.name
        self._said = Path(place, "stderr")
        self._line, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs, self._said.open("wb") as said:
            self._process = subprocess.Popen(
                command, stdin=theirs.fileno(), stdout=said, stderr=said, cwd=place, env=self._environment(place)
            )
        # Unlike atexit's, multiprocessing's finalizers also run when a worker of a pool ends.
        self.close = Finalize(self, _end, (self._process, self._line, self._scratch), exitpriority=10)  # type: ignore[method-assign]
        self.nested = self._ready() and self.walls
        self._spent, self._imported = False, {*self.course.preload}

    def folder(self) -> str:
        """A folder that only the grader sees, for one guest's sockets; starts the process if there is none."""
        if self._spent or self._process.poll() is not None:
            self.start()
        return tempfile.mkdtemp(prefix="k", dir=self._scratch.name)

    def enter(self, module: str, key: str, listeners: list[int], limits: Limits) -> Guest:
        """Fork a guest whose kernel signs with `key` and listens on the bound sockets `listeners` of a `folder`."""
        self._import(self.course[module].preload)
        self._spent = self.walls and not self.nested
        folder = _WALLED_FOLDER if self.walls else tempfile.mkdtemp(dir=self._scratch.name)
        request = {
            "key": key,
            "folder": folder,
            "nested": self.nested,
            "environment": {**self._environment(folder), "LAB_WORKSPACE": f"{folder}/{module}"},
            "limits": limits.model_dump(),
        }
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.settimeout(_ADMIT_S)
        try:
            with theirs:
                socket.send_fds(self._line, [json.dumps(request).encode()], [theirs.fileno(), *listeners])
            text, descriptors, _, _ = socket.recv_fds(ours, 65_536, 1)
        except OSError as error:
            text, descriptors = str(error).encode(), []
        if not descriptors:
            ours.close()
            raise GraderError(f"the sandbox admitted no submission: {text.decode()} {self._last_words()}")
        return Guest(ours, descriptors[0], folder)

    def close(self) -> None:
        """End the process and everything in it; `start` puts the real thing in this place."""

    def _import(self, names: Sequence[str]) -> None:
        """Have the process import those of `names` that it has not imported yet."""
        if new := [name for name in names if name not in self._imported]:
            with contextlib.suppress(ConnectionError):  # gone: the answer that fails to come says so
                self._line.send(json.dumps({"preload": new}).encode())
            self._ready()
            self._imported.update(new)

    def _ready(self) -> bool:
        self._line.settimeout(_START_S)
        try:
            text = self._line.recv(65_536)
        except TimeoutError:
            self.close()
            raise GraderError(f"the sandbox was not ready after {_START_S} s; try again when less runs here") from None
        except ConnectionError:
            text = b""
        self._line.settimeout(None)
        answer = json.loads(text or "{}")
        if "ready" in answer:
            return bool(answer["nested"])
        words = answer.get("fault") or f"the sandbox did not start: {self._last_words()}"
        self.close()
        raise GraderError(words) if "fault" in answer or not self.walls else WallsUnavailable(f"{words} {WAY_OUT}")

    def _last_words(self) -> str:
        lines = self._said.read_text("utf-8", errors="replace").strip().splitlines()
        return lines[-1] if lines else f"no message (exit code {self._process.poll()})."

    def _environment(self, folder: str) -> dict[str, str]:
        """The variables that student code sees: a home of its own in `folder`, and nothing of the grader's."""
        kept = {name: os.environ[name] for name in ("LANG", "LC_ALL", "TZ") if name in os.environ}
        return kept | {
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), "/usr/local/bin", "/usr/bin", "/bin"]),
            "PYTHONPATH": self._packages,
            "PYTHONDONTWRITEBYTECODE": "1",
            "VIRTUAL_ENV": sys.prefix,
            "HOME": f"{folder}/home",
            "TMPDIR": "/tmp" if self.walls else f"{folder}/home",  # noqa: S108 - inside the sandbox
            "IPYTHONDIR": f"{folder}/home/.ipython",
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
            "DO_NOT_TRACK": "true",
        }


def _sweep() -> None:
    """Remove what graders left that were killed: their folders carry their process ids."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*-*"):
        owner = folder.name.removeprefix(_PREFIX).partition("-")[0]
        if owner.isdigit() and not psutil.pid_exists(int(owner)):
            shutil.rmtree(folder, ignore_errors=True)


def _end(process: subprocess.Popen[bytes], line: socket.socket, scratch: tempfile.TemporaryDirectory[str]) -> None:
    line.close()
    process.kill()
    process.wait()
    scratch.cleanup()
