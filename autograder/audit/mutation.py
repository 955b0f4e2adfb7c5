"""The mutation score of a module: of the small faults put into its solution, how many the checks notice.

score = killed / (total − equivalent), for each task and for the module.

A mutant first meets the checks of its own task, in the slice of the module that decides them; what gets by there is
graded with the whole module, so that checks which build on the task have their say. Killed = a check lost points.
See Jia and Harman, An Analysis and Survey of the Development of Mutation Testing, IEEE TSE 37(5), 2011.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from autograder.audit.equivalents import Equivalent, declared_equivalents
from autograder.audit.field_mutants import field_mutants
from autograder.audit.mutate import Mutant, distinct, operator_mutants
from autograder.audit.part import Part
from autograder.audit.slice import task_slice
from autograder.audit.trials import Trial, grade_trials, lost
from autograder.course import Course
from autograder.errors import GraderError
from autograder.models import Cell, Lab

MODULE_BAR, TASK_BAR = 0.9, 0.8
Tell = Callable[[str], None]


@dataclass(frozen=True)
class Sample:
    """At most `size` mutants a task, drawn with `seed`; None takes all."""

    size: int | None = None
    seed: int = 0

    def draw(self, mutants: list[Mutant]) -> list[Mutant]:
        if self.size is None or len(mutants) <= self.size:
            return mutants
        drawn = random.Random(self.seed).sample(range(len(mutants)), self.size)
        return [mutants[index] for index in sorted(drawn)]


@dataclass(frozen=True)
class Suspects:
    """The mutants of one task: those to try, those declared equivalent, and declarations that no mutant fits."""

    tried: list[Mutant]
    equivalent: list[Mutant]
    stale: list[Equivalent]


def audit_mutants(
    course: Course,
    lab: Lab,
    *,
    tasks: tuple[str, ...] = (),
    sample: Sample | None = None,
    workers: int = 1,
    tell: Tell = lambda _: None,
) -> Part:
    """Score the checks of `tasks` (default: all); `tell` hears of each survivor and finished task."""
    sample = sample or Sample()
    cells = [cell for cell in lab.with_role("task") if not tasks or cell.id in tasks]
    suspects = {cell.id: _suspects(cell, field_mutants(course, lab), sample) for cell in cells}
    tried = [mutant for found in suspects.values() for mutant in found.tried]
    survivors = _survivors(course, lab, tried, workers, tell)
    counts = {
        task: _count(len(found.tried), sum(mutant.task == task for mutant in survivors), len(found.equivalent))
        for task, found in suspects.items()
        if found.tried or found.equivalent
    }
    whole = _count(len(tried), len(survivors), sum(len(found.equivalent) for found in suspects.values()))
    record = {
        **whole,
        "sample": sample.size,
        "seed": sample.seed,
        "tasks": counts,
        "survivors": [_survivor(mutant) for mutant in survivors],
    }
    stale = [
        f"{task}: no {equivalent.operator} writes `{equivalent.written}` into {equivalent.line!r}; drop the comment"
        for task, found in suspects.items()
        for equivalent in found.stale
    ]
    return Part({"mutants": record}, (*_shortfalls(lab.module, whole, counts), *stale))


def _suspects(cell: Cell, declared: list[Mutant], sample: Sample) -> Suspects:
    field = [mutant for mutant in declared if mutant.task == cell.id]
    mutants = distinct(cell, [*operator_mutants(cell), *field])
    equivalents = declared_equivalents(cell)
    covered = [mutant for mutant in mutants if any(equivalent.covers(mutant) for equivalent in equivalents)]
    stale = [equivalent for equivalent in equivalents if not any(equivalent.covers(mutant) for mutant in mutants)]
    return Suspects(sample.draw([mutant for mutant in mutants if mutant not in covered]), covered, stale)


def _survivors(course: Course, lab: Lab, mutants: list[Mutant], workers: int, tell: Tell) -> list[Mutant]:
    if not mutants:
        return []
    slices = _trusted_slices(course, lab, dict.fromkeys(mutant.task for mutant in mutants), workers)
    narrow = [Trial(_room(lab, slices, mutant), {mutant.task: mutant.source}) for mutant in mutants]
    passed = list(_passing(course, mutants, narrow, workers, tell))
    whole = [Trial(lab, {mutant.task: mutant.source}) for mutant in passed]
    survivors = []
    for mutant in _passing(course, passed, whole, workers, lambda _: None):
        tell(f"survived: {mutant.operator}, line {mutant.line} of {lab.module}.py\n{mutant.diff}")
        survivors.append(mutant)
    return survivors


def _trusted_slices(course: Course, lab: Lab, tasks: dict[str, None], workers: int) -> dict[str, Lab]:
    """A slice for each task, or the whole module where the solution needs what the slice leaves out."""
    slices = {task: task_slice(lab, task) for task in tasks}
    trials = [Trial(lab), *(Trial(slices[task]) for task in tasks)]
    whole, *grades = grade_trials(course, trials, workers=workers)
    if missed := lost(whole):
        cells = ", ".join(check.cell for check in missed)
        raise GraderError(f"{lab.module}: the solution itself loses points in {cells}; mutants would prove nothing")
    return {task: lab if lost(grade) else slices[task] for task, grade in zip(tasks, grades, strict=True)}


def _room(lab: Lab, slices: dict[str, Lab], mutant: Mutant) -> Lab:
    """Where `mutant` is tried first: the slice of its task, with what the mutant itself needs besides."""
    trusted = slices[mutant.task]
    return trusted if trusted is lab else task_slice(lab, mutant.task, {mutant.task: mutant.source})


def _passing(course: Course, mutants: list[Mutant], trials: list[Trial], workers: int, tell: Tell) -> Iterator[Mutant]:
    """The mutants whose trial loses no point."""
    done: dict[str, int] = {}
    totals = {task: sum(mutant.task == task for mutant in mutants) for task in {mutant.task for mutant in mutants}}
    for mutant, grade in zip(mutants, grade_trials(course, trials, workers=workers), strict=True):
        done[mutant.task] = done.get(mutant.task, 0) + 1
        if done[mutant.task] == totals[mutant.task]:
            tell(f"{mutant.task}: {totals[mutant.task]} mutants tried")
        if not lost(grade):
            yield mutant


def _count(tried: int, survived: int, equivalent: int) -> dict[str, Any]:
    killed = tried - survived
    return {
        "total": tried + equivalent,
        "killed": killed,
        "equivalent": equivalent,
        "score": round(killed / tried, 4) if tried else 1.0,
    }


def _survivor(mutant: Mutant) -> dict[str, Any]:
    return {name: value for name, value in asdict(mutant).items() if name not in ("source", "before", "after")}


def _shortfalls(module: str, whole: dict[str, Any], tasks: dict[str, dict[str, Any]]) -> list[str]:
    short = [
        f"{task}: {count['score']:.0%} of its mutants are killed, {TASK_BAR:.0%} is the bar"
        for task, count in tasks.items()
        if count["score"] < TASK_BAR
    ]
    if whole["score"] < MODULE_BAR:
        short.append(f"{module}: {whole['score']:.0%} of all mutants are killed, {MODULE_BAR:.0%} is the bar")
    return short
