"""Runs one merged notebook through papermill: student cells in their kernel, check cells in the grader's process."""

from __future__ import annotations

import contextlib
import copy
import logging
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import papermill
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from nbformat.v4 import new_output
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NBClientEngine, papermill_engines
from papermill.exceptions import PapermillExecutionError

from autograder.check import Judge, result
from autograder.course import Limits
from autograder.errors import KernelDied
from autograder.kernel import KernelLink, kernel_environment, new_kernel
from autograder.models import CheckResult, Outcome

ENGINE = "autograder"
logging.getLogger("papermill").setLevel(logging.ERROR)


@dataclass
class Session:
    """One submission while it runs: the judge, the limits, and what has been found so far."""

    judge: Judge
    limits: Limits
    workspace: Path
    environment: dict[str, str]
    results: list[CheckResult] = field(default_factory=list)
    flags: list[str] = field(default_factory=list)
    notebook: NotebookNode | None = None


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
            execution_timeout=int(session.limits.cell_s),
        )
    done = {found.cell for found in session.results}
    for cell in session.judge.lab.with_role("check"):
        if cell.id not in done:
            session.results.append(
                result(cell, Outcome.NOT_REACHED, "not reached: the notebook ended before this check")
            )
    return session.notebook if session.notebook is not None else notebook


@contextlib.contextmanager
def scratch_workspace(module: str) -> Any:
    """A folder for one submission's files, gone afterwards: (workspace path, the kernel's environment)."""
    with tempfile.TemporaryDirectory(prefix="grade-", ignore_cleanup_errors=True) as folder:
        workspace = Path(folder) / module
        yield workspace, kernel_environment(workspace)


class _Client(PapermillNotebookClient):  # type: ignore[misc]  # papermill ships no types
    """papermill's client with two differences: an error does not end the notebook, and check cells are judged here."""

    def __init__(self, nb_man: Any, session: Session, **kwargs: Any) -> None:
        super().__init__(
            nb_man, interrupt_on_timeout=True, shutdown_kernel="immediate", coalesce_streams=True, **kwargs
        )
        self.session = session

    def execute(self, **kwargs: Any) -> NotebookNode:
        """Unlike papermill's own, asks nothing of the kernel after the last cell: it may be gone by then."""
        self.reset_execution_trackers()
        with self.setup_kernel(**kwargs):
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
                self.session.flags.append(f"kernel died at {cell.id}: {death}")
                return
            finally:
                self.nb_man.cell_complete(cell, index)

    def _step(self, cell: NotebookNode, index: int, link: KernelLink) -> None:
        known = {c.id: c for c in self.session.judge.lab.with_role("check")}
        if cell.id in known:
            found = self.session.judge.evaluate(known[cell.id], link.ask)
            self.session.results.append(found)
            cell.outputs = [_verdict_output(found)]
            return
        try:
            self.execute_cell(cell, index)
        except CellExecutionError as error:
            self.session.flags.append(f"cell {cell.id} raised {error.ename}")
        except CellTimeoutError:
            self.session.flags.append(f"cell {cell.id} took more than {self.session.limits.cell_s:g} s and was stopped")


class _Engine(NBClientEngine):  # type: ignore[misc]
    """The papermill engine that `run_notebook` names; `session` travels as an engine argument."""

    @classmethod
    def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, **kwargs: Any) -> None:
        session: Session = kwargs["session"]
        client = _Client(
            nb_man,
            session,
            km=new_kernel(session.workspace.parent),
            kernel_name=kernel_name,
            timeout=kwargs["execution_timeout"],
            startup_timeout=kwargs["start_timeout"],
        )
        client.execute(env=session.environment, cwd=str(session.workspace.parent), cleanup_kc=True)


papermill_engines.register(ENGINE, _Engine)


def _verdict_output(found: CheckResult) -> NotebookNode:
    text = f"{found.outcome}: {found.points:g} of {found.possible:g} points"
    return new_output("stream", name="stdout", text=f"{text}\n{found.reason}\n" if found.reason else f"{text}\n")  # type: ignore[no-any-return]
