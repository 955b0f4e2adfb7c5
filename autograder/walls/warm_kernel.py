"""A Jupyter kernel in a process that has imported everything: it listens on sockets that the grader bound for it."""

from __future__ import annotations

import sys
from functools import partial
from typing import Any

import zmq
from ipykernel.kernelapp import IPKernelApp

from autograder import agent
from autograder.walls import ANSWER, LISTENED, PORTS, QUESTION

sys.modules["debugpy"] = None  # type: ignore[assignment]  # a debugger for each kernel is half of its start
from ipykernel import debugger  # noqa: E402, F401 - it asks once whether there is debugpy

del sys.modules["debugpy"]


class WarmKernel(IPKernelApp):
    """ipykernel's application on listening descriptors, without a connection file and without a heartbeat."""

    listeners: dict[int, int]

    def _try_bind_socket(self, s: Any, port: int) -> int:
        s.setsockopt(zmq.USE_FD, self.listeners[port])
        s.bind(f"ipc:///dev/null/{port}")  # a name that nothing uses: the descriptor is bound already
        return port

    def init_control(self, context: Any) -> None:
        """Without the thread that hands each message on to subshells, of which there are none: it doubles its way."""
        super().init_control(context)  # type: ignore[no-untyped-call]
        self.shell_channel_thread = None

    def init_connection_file(self) -> None: ...

    def write_connection_file(self, **kwargs: Any) -> None: ...

    def cleanup_connection_file(self) -> None: ...

    def init_heartbeat(self) -> None: ...

    def log_connection_info(self) -> None: ...


def serve(key: str, descriptors: list[int]) -> None:
    """Run a kernel that signs with `key` until it is told to stop; `descriptors` in the order of LISTENED."""
    app = WarmKernel.instance(transport="ipc", ip="none", log_level=50)
    app.listeners = {PORTS[name]: descriptor for name, descriptor in zip(LISTENED, descriptors, strict=True)}
    for name in LISTENED:
        setattr(app, f"{name}_port", PORTS[name])
    app.session.key = key.encode()
    app.initialize(["--HistoryManager.enabled=False"])  # type: ignore[no-untyped-call]
    app.kernel.shell_handlers[QUESTION] = partial(_answer_question, app.kernel)
    app.start()  # type: ignore[no-untyped-call]


def _answer_question(kernel: Any, stream: Any, ident: Any, parent: dict[str, Any]) -> None:
    """The handler of the grader's own kind of message: of all that a cell goes through a question needs nothing."""
    reply = agent.answer(parent["content"]["question"])
    kernel.shell.events.trigger("post_execute")  # shows the pictures that it drew, which else come with the next cell
    kernel.session.send(stream, ANSWER, {"answer": reply}, parent=parent, ident=ident)
