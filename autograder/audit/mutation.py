"""The mutation score of a module: of the small faults put into its solution, how many the checks notice.

score = killed / (total − equivalent), for each task and for the module.

A mutant first meets the checks of its own task, in the slice of the module that decides them; what gets by there is
graded with the whole module, so that checks which build on the task have their say. Killed = a check lost points.
See Jia and Harman, An Analysis and Survey of the Development of Mutation Testing, IEEE TSE 37(5), 2011.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from autograder.audit.equivalents import Equivalent, declared_equivalents
from autograder.audit.field_mutants import field_mutants
from autograder.audit.mutate import Mutant, distinct, operator_mutants
from autograder.audit.part import Part
from autograder.audit.slice import checks_of, task_slice
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


@dataclass(frozen=True)
class Verdict:
    """A mutant and the checks that took points from it; with none, it survived."""

    mutant: Mutant
    noticed: tuple[str, ...]


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
    declared = field_mutants(course, lab)
    suspects = {cell.id: _suspects(cell, declared, sample) for cell in cells}
    verdicts = _verdicts(course, lab, [mutant for found in suspects.values() for mutant in found.tried], workers, tell)
    counts = {
        task: _count([v for v in verdicts if v.mutant.task == task], len(found.equivalent))
        for task, found in suspects.items()
        if found.tried or found.equivalent
    }
    whole = _count(verdicts, sum(count["equivalent"] for count in counts.values()))
    record = {
        **whole,
        "sample": sample.size,
        "seed": sample.seed,
        "tasks": counts,
        "checks": _by_check(lab, verdicts),
        "survivors": [_survivor(verdict.mutant) for verdict in verdicts if not verdict.noticed],
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


def _verdicts(course: Course, lab: Lab, mutants: list[Mutant], workers: int, tell: Tell) -> list[Verdict]:
    if not mutants:
        return []
    slices = _trusted_slices(course, lab, dict.fromkeys(mutant.task for mutant in mutants), workers)
    narrow = []
    for verdict in _tried(course, [(mutant, _room(lab, slices, mutant)) for mutant in mutants], workers):
        narrow.append(verdict)
        if len(narrow) == len(mutants) or mutants[len(narrow)].task != verdict.mutant.task:
            tell(f"{verdict.mutant.task}: its mutants have met its checks, {len(narrow)} of {len(mutants)} done")
    passed = [verdict.mutant for verdict in narrow if not verdict.noticed]
    whole = {id(verdict.mutant): verdict for verdict in _tried(course, [(mutant, lab) for mutant in passed], workers)}
    for verdict in whole.values():
        if not verdict.noticed:
            tell(f"survived: {verdict.mutant.operator}, {lab.module}.py:{verdict.mutant.line}\n{verdict.mutant.diff}")
    return [whole.get(id(verdict.mutant), verdict) for verdict in narrow]


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


def _tried(course: Course, mutants: list[tuple[Mutant, Lab]], workers: int) -> Iterator[Verdict]:
    trials = [Trial(lab, {mutant.task: mutant.source}) for mutant, lab in mutants]
    for (mutant, _), grade in zip(mutants, grade_trials(course, trials, workers=workers), strict=True):
        yield Verdict(mutant, tuple(check.cell for check in lost(grade)))


def _count(verdicts: list[Verdict], equivalent: int) -> dict[str, Any]:
    killed = sum(bool(verdict.noticed) for verdict in verdicts)
    return {
        "total": len(verdicts) + equivalent,
        "killed": killed,
        "equivalent": equivalent,
        "score": round(killed / len(verdicts), 4) if verdicts else 1.0,
    }


def _by_check(lab: Lab, verdicts: list[Verdict]) -> dict[str, dict[str, int]]:
    """For each check the mutants of its own tasks that it met, and how many of them cost points in it."""
    met = Counter(check.id for verdict in verdicts for check in checks_of(lab, verdict.mutant.task))
    noticed = Counter(
        check.id for verdict in verdicts for check in checks_of(lab, verdict.mutant.task) if check.id in verdict.noticed
    )
    return {check: {"met": met[check], "noticed": noticed[check]} for check in met}


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
