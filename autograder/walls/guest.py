"""One submission behind its walls, as the grader holds it."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import time
from typing import Any

from autograder import wire
from autograder.errors import GraderError, WireError
from autograder.lab import Failure


class Guest:
    """One submission behind its walls: signal it, examine its files, end it. `ended` says how it ended by itself."""

    def __init__(self, line: socket.socket, pidfd: int, folder: str) -> None:
        self._line = line
        self._pidfd = pidfd
        self.folder = folder
        self.ended = ""

    @property
    def alive(self) -> bool:
        waiting = select.poll()
        waiting.register(self._pidfd, select.POLLIN)
        if not waiting.poll(0):
            return True
        self._read_end()
        return False

    def signal(self, number: int) -> None:
        """Send signal `number` to the kernel; one that is gone already is not an error."""
        self._send({"op": "signal", "signal": number})

    def kill(self, reason: str = "") -> None:
        """End every process of the submission, whatever it does."""
        if reason and self.alive and not self.ended:
            self.ended = reason
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)

    def examine(self, workspace: str, target: str, arguments: dict[str, Any], limit_s: float) -> Any:
        """Call `module:function` with `arguments` in `workspace`, in a fresh process without student code.

        Returns plain data. An exception of the examined function is a Failure: it speaks of what the student left.
        """
        ours, theirs = socket.socketpair()
        with ours:
            with theirs:
                self._send({"op": "examine"}, theirs.fileno())
            ours.settimeout(limit_s + 2)
            question = {"workspace": workspace, "target": target, "arguments": arguments, "limit_s": limit_s}
            try:
                ours.sendall(wire.dumps(question).encode())
                ours.shutdown(socket.SHUT_WR)
                reply = wire.loads(_read(ours, time.monotonic() + limit_s + 2))
            except TimeoutError:
                raise Failure(f"looking at the workspace took more than {limit_s:g} seconds") from None
            except (OSError, WireError):
                raise Failure(f"looking at the workspace ended without an answer within {limit_s:g} seconds") from None
        if "failure" in reply:
            raise Failure(reply["failure"])
        if "fault" in reply:
            raise GraderError(reply["fault"])
        return reply["value"]

    def close(self) -> None:
        """End the submission, wait until it is gone, and let go of it."""
        self.kill()
        waiting = select.poll()
        waiting.register(self._pidfd, select.POLLIN)
        waiting.poll(10_000)
        os.close(self._pidfd)
        self._line.close()

    def _send(self, message: dict[str, Any], *descriptors: int) -> None:
        with contextlib.suppress(OSError):  # gone: whoever needs an answer will notice
            socket.send_fds(self._line, [json.dumps(message).encode()], descriptors)

    def _read_end(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            text = self._line.recv(65_536, socket.MSG_DONTWAIT)
            if text and not self.ended:
                self.ended = str(json.loads(text).get("ended", ""))


def _read(line: socket.socket, deadline: float) -> str:
    chunks, size = [], 0
    while chunk := line.recv(1 << 20):
        chunks.append(chunk)
        size += len(chunk)
        if size > wire.MAX_BYTES or time.monotonic() > deadline:
            raise WireError(f"the answer exceeds {wire.MAX_BYTES:,} bytes or its time")
    return b"".join(chunks).decode()
