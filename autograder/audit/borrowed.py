"""Borrowed answers: what students are given must not answer a task, whichever of its functions they import."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from types import ModuleType
from typing import Any

from autograder.audit.mutate import solution_lines
from autograder.audit.part import Part
from autograder.audit.slice import checks_of, task_slice
from autograder.audit.trials import Trial, grade_trials
from autograder.course import Course
from autograder.models import Cell, Grade, Lab
from autograder.names import free_names
from autograder.source import BEGIN_SOLUTION, END_SOLUTION

STUDENT_MODULE = "autograder.lab"
BATCH = 32  # loans that one kernel tries: a kernel for each would take hours a module


@dataclass(frozen=True)
class Loan:
    """The function `name` of `task`, answered by `given`, a callable's full name."""

    task: str
    name: str
    given: str

    @property
    def taken(self) -> str:
        """The line that puts what is given in place of the function."""
        module, _, attribute = self.given.rpartition(".")
        return f"from {module} import {attribute} as {self.name}"


def audit_borrowed(course: Course, lab: Lab, *, tasks: tuple[str, ...] = (), workers: int = 1) -> Part:
    """Put every given callable that takes as many arguments in place of each task's functions; no check may pass."""
    cells = [cell for cell in lab.with_role("task") if not tasks or cell.id in tasks]
    given = given_callables(course)
    loans = [loan for cell in cells for loan in _loans(cell, given)]
    record: dict[str, dict[str, Any]] = {
        cell.id: {"ok": True, "tried": 0, "passed": []} if _functions(cell) else {"ok": True, "note": "not a function"}
        for cell in cells
    }
    problems = []
    found, proven = _tried(course, lab, loans, workers=workers)
    for task in dict.fromkeys(loan.task for loan in loans if loan.task not in proven):
        record[task]["ok"] = False
        problems.append(f"{task}: nothing is proven: where loans are tried, the solution itself does not pass")
    for loan, earned in found.items():
        entry = record[loan.task]
        entry["tried"] += 1
        if earned:
            entry["ok"] = False
            entry["passed"].append(loan.given)
            problems.append(f"{loan.task}: {loan.given} in place of {loan.name} passes {', '.join(earned)}")
    return Part({"borrowed": record}, tuple(problems))


def given_callables(course: Course) -> dict[str, Callable[..., Any]]:
    """The public functions and classes that students can import, each once: its shortest full name → itself."""
    found: dict[int, tuple[str, Callable[..., Any]]] = {}
    for module in _given_modules(course):
        for name, value in _public(module):
            known = found.get(id(value))
            if known is None or len(f"{module.__name__}.{name}") < len(known[0]):
                found[id(value)] = (f"{module.__name__}.{name}", value)
    return dict(sorted(found.values()))


def _given_modules(course: Course) -> Iterator[ModuleType]:
    yield importlib.import_module(STUDENT_MODULE)
    for name in dict.fromkeys((*course.release, *course.mounts)):
        if not (course.root / name / "__init__.py").exists():
            continue
        package = importlib.import_module(name)
        yield package
        for info in pkgutil.walk_packages(package.__path__, f"{name}."):
            if not any(part.startswith("_") for part in info.name.split(".")):
                yield importlib.import_module(info.name)


def _public(module: ModuleType) -> Iterator[tuple[str, Callable[..., Any]]]:
    exported = getattr(module, "__all__", ())
    for name, value in vars(module).items():
        own = not name.startswith("_") and getattr(value, "__module__", None) == module.__name__
        if callable(value) and (own or name in exported):
            yield name, value


def _loans(cell: Cell, given: dict[str, Callable[..., Any]]) -> Iterator[Loan]:
    for function, parameters in _functions(cell).items():
        for name, candidate in given.items():
            if _fits(candidate, parameters):
                yield Loan(cell.id, function, name)


def _functions(cell: Cell) -> dict[str, list[str]]:
    """The functions that the student writes in `cell`, those with a piece of solution in them: name → parameters."""
    if cell.kind != "code":
        return {}
    region = solution_lines(cell)
    return {
        node.name: [argument.arg for argument in (*node.args.posonlyargs, *node.args.args)]
        for node in ast.parse(cell.source).body
        if isinstance(node, ast.FunctionDef) and region & set(range(node.lineno - 1, node.end_lineno or node.lineno))
    }


def _fits(candidate: Callable[..., Any], parameters: list[str]) -> bool:
    """Whether `candidate` can be called with as many positional arguments, or with arguments of these names."""
    try:
        signature = inspect.signature(candidate)
    except (TypeError, ValueError):  # some classes have none that can be read
        return False
    return any(_binds(signature, args, kwargs) for args, kwargs in ((parameters, []), ([], parameters)))


def _binds(signature: inspect.Signature, args: list[str], names: list[str]) -> bool:
    try:
        signature.bind(*args, **dict.fromkeys(names))
    except TypeError:
        return False
    return True


def _tried(
    course: Course, lab: Lab, loans: Iterable[Loan], *, workers: int
) -> tuple[dict[Loan, list[str]], frozenset[str]]:
    """The checks that each loan passes, and the tasks whose solution passed after loans, where these failed.

    What spoils its kernel for the solution, or earns, is tried alone.
    """
    found: dict[Loan, list[str]] = {}
    proven: set[str] = set()
    batches = [
        group[start : start + BATCH]
        for _, same in groupby(loans, key=lambda loan: (loan.task, loan.name))
        for group in [list(same)]
        for start in range(0, len(group), BATCH)
    ]
    while batches:
        again: list[list[Loan]] = []
        for batch, grade in zip(batches, grade_trials(course, [_trial(lab, b) for b in batches], workers=workers)):  # noqa: B905 - one grade a batch
            *earned, own = _earned(lab, batch, grade)
            if len(own) == len(_judges(lab, batch[0])):
                proven.add(batch[0].task)
            elif len(batch) > 1:
                again += [batch[: len(batch) // 2], batch[len(batch) // 2 :]]
                continue
            for loan, passed in zip(batch, earned, strict=True):
                if passed and len(batch) > 1:
                    again.append([loan])
                else:
                    found[loan] = passed
        batches = again
    return found, frozenset(proven)


def _trial(lab: Lab, batch: Sequence[Loan]) -> Trial:
    """The task once for each loan, with its checks, and at the end for the solution itself."""
    task = lab[batch[0].task]
    solution = "\n".join(
        line for line in task.source.splitlines() if line.strip() not in (BEGIN_SOLUTION, END_SOLUTION)
    )
    before = [cell for cell in task_slice(lab, task.id).cells if cell.role != "check"]
    cells = []
    for number, taken in enumerate([*(loan.taken for loan in batch), ""]):
        cells.append(Cell(f"loan-{number}", "code", "plain", f"{solution}\n{taken}", task.line))
        cells += [replace(check, id=_id(check, number, place)) for place, check in enumerate(_judges(lab, batch[0]))]
    return Trial(replace(lab, cells=(*before, *cells)))


def _earned(lab: Lab, batch: Sequence[Loan], grade: Grade) -> Iterator[list[str]]:
    """By loan, and last for the solution itself, the checks that it passes."""
    points = {check.cell: check.points for check in grade.checks}
    judges = _judges(lab, batch[0])
    for number in range(len(batch) + 1):
        yield [check.id for place, check in enumerate(judges) if points[_id(check, number, place)]]


def _id(check: Cell, number: int, place: int) -> str:
    return f"{check.rubric}-{number}-{place}"


def _judges(lab: Lab, loan: Loan) -> list[Cell]:
    """The checks of the task that call the borrowed function by its name, else all of them."""
    checks = checks_of(lab, loan.task)
    return [cell for cell in checks if loan.name in free_names(cell.source)] or list(checks)
