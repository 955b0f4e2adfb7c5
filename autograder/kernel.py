"""The questions that the grader asks a submission's kernel between cells."""

from __future__ import annotations

import contextlib
import signal
import time
from queue import Empty
from typing import Any

import zmq
from jupyter_core.utils import run_sync
from nbclient import NotebookClient
from nbclient.util import ensure_async

from autograder.errors import KernelDied
from autograder.lab import Failure
from autograder.walls import QUESTION


class KernelLink:
    """Asks the agent in a running kernel; each question is answered within `limit_s` seconds or fails."""

    def __init__(self, client: NotebookClient, limit_s: float) -> None:
        self._client = client
        self._limit_s = limit_s

    def ask(self, message: str) -> str:
        """Send a JSON request to `autograder.agent` and return its JSON reply; Failure when it takes too long."""
        return str(run_sync(self._ask)(message))

    async def _ask(self, message: str) -> str:
        kc: Any = self._client.kc
        question = kc.session.msg(QUESTION, {"question": message})
        kc.shell_channel.send(question)
        request = question["header"]["msg_id"]
        deadline = time.monotonic() + self._limit_s
        reply = await self._reply(request, deadline)
        await self._drain()
        if reply is None:
            km: Any = self._client.km
            km.guest.signal(signal.SIGINT)
            late = await self._reply(request, time.monotonic() + 3)
            if late is None:
                km.guest.kill()
                raise KernelDied(f"a call took more than {self._limit_s:g} s and could not be interrupted")
            raise Failure(f"this took more than {self._limit_s:g} seconds and was stopped")
        answer = reply["content"].get("answer")
        if not isinstance(answer, str):
            raise Failure(f"the notebook's answer cannot be read: it is no text but {type(answer).__name__}")
        return answer

    async def _drain(self) -> None:
        """Throw away what is published about questions: a full queue would lose what the next cells publish.

        At most a thousand messages: a kernel that floods its line holds up nobody.
        """
        channel: Any = self._client.kc.iopub_channel  # type: ignore[union-attr]
        queue: Any = zmq.Socket.shadow(channel.socket)
        with contextlib.suppress(zmq.Again):
            for _ in range(1_000):
                queue.recv_multipart(zmq.NOBLOCK)

    async def _reply(self, request: str, deadline: float) -> dict[str, Any] | None:
        kc: Any = self._client.kc
        while time.monotonic() < deadline:
            try:
                message: dict[str, Any] = await ensure_async(kc.shell_channel.get_msg(timeout=0.1))
            except (Empty, TimeoutError):
                if not await ensure_async(self._client.km.is_alive()):  # type: ignore[union-attr]
                    raise KernelDied("the kernel died while a check was asking it") from None
                continue
            if message["parent_header"].get("msg_id") == request:
                return message
        return None
