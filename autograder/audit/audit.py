"""Audits modules part by part, and writes what was found."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from autograder.audit.borrowed import audit_borrowed
from autograder.audit.guess import audit_guess
from autograder.audit.hostile import audit_hostile, read_attacks
from autograder.audit.known import audit_known
from autograder.audit.mutation import Sample, Tell, audit_mutants
from autograder.audit.part import Part
from autograder.build import load_lab
from autograder.course import Course
from autograder.errors import GraderError
from autograder.models import Lab

PARTS = ("known", "hostile", "borrowed", "guess", "mutants")


@dataclass(frozen=True)
class Scope:
    """What to audit: which parts, the mutants and borrowed answers of which tasks (default: all), how many mutants.

    Known submissions meet the hidden inputs of so many `students`.
    """

    parts: tuple[str, ...] = PARTS
    tasks: tuple[str, ...] = ()
    sample: Sample = field(default_factory=Sample)
    students: int = 1
    workers: int = 1


def audit_module(course: Course, module: str, scope: Scope | None = None, tell: Tell = lambda _: None) -> Part:
    """Everything that the audit says about `module`; `tell` hears of it while it runs."""
    scope = scope or Scope()
    lab = load_lab(course, module)
    if unknown := set(scope.tasks) - {cell.id for cell in lab.with_role("task")}:
        raise GraderError(f"{module} has no task {', '.join(sorted(unknown))}")
    found = []
    for name in PARTS:
        if name in scope.parts:
            tell(f"{module}: {name}")
            found.append(_parts(course, lab, scope, tell)[name]())
    record = {key: value for part in found for key, value in part.record.items()}
    return Part(record, tuple(problem for part in found for problem in part.problems))


def write_audit(records: Mapping[str, Part], path: Path) -> None:
    """Write `{module: {…, problems}}` as JSON to `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    whole = {module: {**part.record, "problems": list(part.problems)} for module, part in records.items()}
    path.write_text(json.dumps(whole, indent=2, ensure_ascii=False) + "\n", "utf-8")


def _parts(course: Course, lab: Lab, scope: Scope, tell: Tell) -> dict[str, Callable[[], Part]]:
    workers: dict[str, Any] = {"workers": scope.workers}
    return {
        "known": lambda: audit_known(course, lab, students=scope.students, **workers),
        "hostile": lambda: audit_hostile(course, lab, read_attacks(course, lab), **workers),
        "borrowed": lambda: audit_borrowed(course, lab, tasks=scope.tasks, **workers),
        "guess": lambda: audit_guess(course, lab),
        "mutants": lambda: audit_mutants(course, lab, tasks=scope.tasks, sample=scope.sample, tell=tell, **workers),
    }
