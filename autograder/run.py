"""Runs one merged notebook through papermill: student cells in their kernel, check cells in the grader's process."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import logging
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import papermill
from nbclient.exceptions import CellExecutionError, DeadKernelError
from nbformat import NotebookNode
from nbformat.v4 import new_output
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NBClientEngine, papermill_engines
from papermill.exceptions import PapermillExecutionError

from autograder.check import Judge, result
from autograder.course import Limits
from autograder.errors import KernelDied
from autograder.kernel import KernelLink
from autograder.models import CheckResult, Outcome
from autograder.walls.guest import Guest
from autograder.walls.provisioner import WarmManager
from autograder.walls.sandbox import Sandbox

ENGINE = "autograder"
_AFTER_INTERRUPT_S = 3
_TICK_S = 0.02
_MESSAGE_SIZE = 1_000  # what an empty output counts as: reading and keeping it costs the grader time, too
logging.getLogger("papermill").setLevel(logging.ERROR)


@dataclass
class Session:
    """One submission while it runs: the judge, the walls, the limits, and what has been found so far."""

    judge: Judge
    limits: Limits
    sandbox: Sandbox
    results: list[CheckResult] = field(default_factory=list)
    flags: list[str] = field(default_factory=list)
    notebook: NotebookNode | None = None
    guest: Guest | None = None

    def examine(self, target: str, **arguments: Any) -> Any:
        """What `examine(...)` in a check does: ask a fresh process in the submission's workspace."""
        if self.guest is None:
            raise KernelDied("there is no kernel")
        workspace = f"{self.guest.folder}/{self.judge.lab.module}"
        return self.guest.examine(workspace, target, arguments, self.limits.examine_s)


def run_notebook(notebook: NotebookNode, session: Session, parameters: dict[str, Any]) -> NotebookNode:
    """Execute `notebook` in order and return it with outputs; every check cell leaves a result in `session.results`."""
    with contextlib.suppress(PapermillExecutionError):
        # papermill raises at the end when any cell failed; each check has been judged by then.
        papermill.execute_notebook(
            notebook,
            None,
            parameters=parameters,
            engine_name=ENGINE,
            kernel_name="python3",
            progress_bar=False,
            session=session,
            execution_timeout=session.limits.cell_s,
        )
    done = {found.cell for found in session.results}
    for cell in session.judge.lab.with_role("check"):
        if cell.id not in done:
            session.results.append(
                result(cell, Outcome.NOT_REACHED, "not reached: the notebook ended before this check")
            )
    return session.notebook if session.notebook is not None else notebook


class _Client(PapermillNotebookClient):  # type: ignore[misc]  # papermill ships no types
    """papermill's client, except that an error does not end the notebook, checks are judged here, and limits hold."""

    def __init__(self, nb_man: Any, session: Session, **kwargs: Any) -> None:
        # Of very many outputs some are lost, the last word of a cell perhaps among them; its answer has come by then.
        super().__init__(nb_man, shutdown_kernel="immediate", raise_on_iopub_timeout=False, **kwargs)
        self.session = session
        self._overtime = False
        self._printed = 0

    def execute(self, **kwargs: Any) -> NotebookNode:
        """Unlike papermill's own, asks nothing of the kernel after the last cell: it may be gone by then."""
        self.reset_execution_trackers()
        with self.setup_kernel(**kwargs), self._whole_time():
            self.papermill_execute_cells()
        self.session.notebook = copy.deepcopy(self.nb)  # papermill adds its own notes on errors afterwards
        return self.nb  # type: ignore[no-any-return]

    def papermill_execute_cells(self) -> None:
        link = KernelLink(self, self.session.limits.call_s)
        for index, cell in enumerate(self.nb.cells):
            if cell.cell_type != "code":
                continue
            self.nb_man.cell_start(cell, index)
            try:
                self._step(cell, index, link)
            except (DeadKernelError, KernelDied) as death:
                self.session.flags.append(f"kernel died at {cell.id}: {self._cause() or death}")
                return
            finally:
                self.nb_man.cell_complete(cell, index)

    def process_message(self, msg: dict[str, Any], cell: NotebookNode, cell_index: int) -> NotebookNode | None:
        """Outputs past the limit are dropped and end the cell; status messages always pass."""
        if msg["msg_type"] != "status" and self._too_much(msg, cell):
            return None
        return super().process_message(msg, cell, cell_index)  # type: ignore[no-any-return]

    def _step(self, cell: NotebookNode, index: int, link: KernelLink) -> None:
        known = {c.id: c for c in self.session.judge.lab.with_role("check")}
        if cell.id in known:
            found = self.session.judge.evaluate(known[cell.id], link.ask)
            self.session.results.append(found)
            cell.outputs = [_verdict_output(found)]
            return
        self._overtime = False
        try:
            self.execute_cell(cell, index)
        except CellExecutionError as error:
            overtime = f"took more than {self.session.limits.cell_s:g} s and was stopped"
            self.session.flags.append(f"cell {cell.id} {overtime if self._overtime else f'raised {error.ename}'}")
        except DeadKernelError:
            raise
        except Exception as error:
            # nbclient trusts what a kernel sends; whatever else it stumbles over was sent to make it stumble.
            raise KernelDied(f"it broke the messaging protocol: {type(error).__name__}: {error}") from error
        finally:
            cell.outputs = _joined(cell.outputs)

    @contextlib.contextmanager
    def _whole_time(self) -> Iterator[None]:
        limit = self.session.limits.total_s
        self.session.guest = guest = self.km.guest
        timer = threading.Timer(limit, guest.kill, [f"the whole notebook took more than {limit:g} s"])
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    async def _async_handle_timeout(self, timeout: float, cell: NotebookNode | None = None) -> None:  # noqa: ARG002, ASYNC109 - nbclient's signature
        """Interrupt the cell; a kernel that does not answer soon afterwards is ended."""
        self._overtime = True
        self.km.guest.signal(signal.SIGINT)
        deadline = time.monotonic() + _AFTER_INTERRUPT_S
        while time.monotonic() < deadline:
            if await self.kc.shell_channel.msg_ready():
                return
            await asyncio.sleep(_TICK_S)
        self.km.guest.kill(f"the cell took more than {timeout:g} s and could not be interrupted")
        raise DeadKernelError("killed")

    async def _async_poll_kernel_alive(self) -> None:
        await self.km.warm.wait()
        self.task_poll_for_reply.cancel()

    def _too_much(self, msg: dict[str, Any], cell: NotebookNode) -> bool:
        limit = self.session.limits.output_mb * 1_000_000
        before, self._printed = self._printed, self._printed + _size(msg["content"]) + _MESSAGE_SIZE
        if self._printed <= limit:
            return False
        if before <= limit:
            self.session.flags.append(f"cell {cell.id}: output beyond {self.session.limits.output_mb:g} MB was dropped")
            self.km.guest.signal(signal.SIGINT)
        return True

    def _cause(self) -> str:
        guest = self.session.guest
        return guest.ended if guest is not None and not guest.alive else ""


class _Engine(NBClientEngine):  # type: ignore[misc]
    """The papermill engine that `run_notebook` names; `session` travels as an engine argument."""

    @classmethod
    def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, **kwargs: Any) -> None:
        session: Session = kwargs["session"]
        client = _Client(
            nb_man,
            session,
            km=WarmManager(session.sandbox, session.judge.lab.module, session.limits),
            kernel_name=kernel_name,
            timeout=kwargs["execution_timeout"],
            startup_timeout=kwargs["start_timeout"],
        )
        client.execute(cleanup_kc=True)


papermill_engines.register(ENGINE, _Engine)


def _joined(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """`outputs` with neighbouring prints as one; nbclient's own way takes hours for a line of a million characters."""
    joined: list[NotebookNode] = []
    for name, group in groupby(outputs, key=lambda output: output.output_type == "stream" and output.name):
        texts = list(group)
        joined += [new_output("stream", name=name, text="".join(o.text for o in texts))] if name else texts
    return joined


def _size(content: Any) -> int:
    """About how many characters a message's content holds."""
    if isinstance(content, dict):
        return sum(map(_size, content.values()))
    if isinstance(content, list):
        return sum(map(_size, content))
    return len(content) if isinstance(content, str) else 8


def _verdict_output(found: CheckResult) -> NotebookNode:
    text = f"{found.outcome}: {found.points:g} of {found.possible:g} points"
    return new_output("stream", name="stdout", text=f"{text}\n{found.reason}\n" if found.reason else f"{text}\n")  # type: ignore[no-any-return]
