"""Evaluates one check cell in the grader's own process, with proxies for the student's names."""

from __future__ import annotations

import contextlib
import io
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from autograder.agent import fingerprints
from autograder.errors import GraderError, KernelDied
from autograder.lab import Failure, Raised, check_seed, examiner, notebook_function
from autograder.models import Cell, CheckResult, Lab, Outcome
from autograder.names import assigned_names, free_names
from autograder.proxy import Ask, fetch_fingerprints, fetch_names
from autograder.readable import readable

SHARED = "autograder_check"  # the module that functions of shared cells belong to, in the grader


@dataclass(frozen=True)
class Judge:
    """What a check needs besides the student's names: the shared names, a seed for it, a way to examine state."""

    lab: Lab
    shared: dict[str, Any]
    seed: Callable[[str], int]
    examine: Callable[..., Any]
    attempted: Callable[[str], bool]
    stumbled: set[str] = field(default_factory=set)
    _compiled: dict[str, Any] = field(default_factory=dict)

    def evaluate(self, cell: Cell, ask: Ask) -> CheckResult:
        """Run `cell` and say what it earned.

        A check that ended in an exception that is no verdict stumbled over the student's values, or over its own
        inputs: it counts as failed, and `stumbled` names it, so that the two can be told apart.
        """
        started = time.perf_counter()
        attempted = any(self.attempted(target) for target in cell.targets)
        if cell.unjudged and (attempted or not cell.targets):
            return result(cell, Outcome.ERRORED, cell.unjudged)
        outcome, reason = self._verdict(cell, ask)
        if not attempted and outcome is Outcome.PASSED:
            outcome, reason = Outcome.ERRORED, "the check passes on an untouched task"
        elif not attempted and outcome is Outcome.FAILED:
            outcome, reason = Outcome.NOT_ATTEMPTED, "not attempted"
        return result(cell, outcome, reason, seconds=time.perf_counter() - started)

    def _verdict(self, cell: Cell, ask: Ask) -> tuple[Outcome, str]:
        installed: dict[ContextVar[Any], Any] = {
            examiner: self.examine,
            check_seed: self.seed(cell.id),
            notebook_function: lambda name: self._function_there(cell, ask, name),
        }
        try:
            with contextlib.redirect_stdout(io.StringIO()), _during(installed):
                exec(self._code(cell), self._namespace(cell, ask))  # noqa: S102 - our own check
        except Failure as failure:
            return Outcome.FAILED, _failure_text(failure)
        except AssertionError as failure:
            return Outcome.FAILED, str(failure) or "not what was asked for"
        except KernelDied:
            raise
        except GraderError as error:
            return Outcome.ERRORED, str(error)
        except Exception as error:  # noqa: BLE001
            # Most likely the student's values have a shape that it did not expect; the type tells which.
            self.stumbled.add(cell.id)
            return (
                Outcome.FAILED,
                f"the answer does not have the form that was asked for ({type(error).__name__}: {error})",
            )
        return Outcome.PASSED, ""

    def _namespace(self, cell: Cell, ask: Ask) -> dict[str, Any]:
        theirs = {name for target in cell.targets for name in assigned_names(self.lab[target].source)}
        wanted = sorted(free_names(cell.source) & theirs)
        return {**self.shared, **_names_there(ask, wanted)}

    def _function_there(self, cell: Cell, ask: Ask, name: str) -> Any:
        """A function in the learner's kernel, if all shared ones before `cell` are the course's own there."""
        found = _names_there(ask, [name])[name]
        ours = [name for name in self._shared_before(cell) if getattr(self.shared[name], "__module__", None) == SHARED]
        there = fetch_fingerprints(ask, ours)
        changed = [name for name, print_ in fingerprints(self.shared, ours).items() if there.get(name) != print_]
        if changed:
            raise Failure(
                f"your notebook redefines {', '.join(changed)}, which a cell of the course defines: take another name, "
                "and run the notebook from the top"
            )
        return found

    def _shared_before(self, cell: Cell) -> list[str]:
        earlier = self.lab.cells[: self.lab.cells.index(cell)]
        return sorted({name for each in earlier if each.role == "shared" for name in assigned_names(each.source)})

    def _code(self, cell: Cell) -> Any:
        if cell.id not in self._compiled:
            self._compiled[cell.id] = compile(cell.source, f"<check {cell.id}>", "exec")
        return self._compiled[cell.id]


@contextlib.contextmanager
def _during(values: dict[ContextVar[Any], Any]) -> Iterator[None]:
    tokens = [(variable, variable.set(value)) for variable, value in values.items()]
    try:
        yield
    finally:
        for variable, token in tokens:
            variable.reset(token)


def _names_there(ask: Ask, wanted: list[str]) -> dict[str, Any]:
    values = fetch_names(ask, wanted) if wanted else {}
    missing = [name for name in wanted if name not in values]
    if missing:
        raise Failure(f"your notebook does not define {', '.join(missing)}: did the cell above it fail?")
    return values


def result(
    cell: Cell, outcome: Outcome, reason: str = "", seconds: float = 0.0, points: float | None = None
) -> CheckResult:
    """The record for `cell`: full points when passed, none otherwise, unless `points` says so."""
    if cell.rubric is None:
        raise GraderError(f"cell {cell.id!r} belongs to no rubric line")
    earned = points if points is not None else (cell.points if outcome is Outcome.PASSED else 0)
    return CheckResult(
        cell=cell.id,
        rubric=cell.rubric,
        outcome=outcome,
        points=min(max(earned, 0), cell.points),
        possible=cell.points,
        reason=readable(reason),
        seconds=round(seconds, 3),
    )


def shared_names(lab: Lab, parameters: dict[str, Any]) -> dict[str, Any]:
    """Run the parameters and shared cells here, in the trusted process; injected `parameters` win."""
    names: dict[str, Any] = {"__name__": SHARED}
    for cell in lab.cells:
        if cell.role in ("parameters", "shared"):
            try:
                exec(compile(cell.source, f"<cell {cell.id}>", "exec"), names)  # noqa: S102 - our own cell
            except Exception as error:
                raise GraderError(f"{lab.module}: shared cell {cell.id!r} fails in the grader: {error!r}") from error
        if cell.role == "parameters":
            names.update(parameters)
    return names


def _failure_text(failure: Failure) -> str:
    trace = failure.trace if isinstance(failure, Raised) else ""
    return f"{failure}\n{trace}".strip() if trace else str(failure)
