"""Hostile submissions: put into an otherwise blank lab, each must earn nothing."""

from __future__ import annotations

from collections.abc import Mapping

from autograder.audit.part import Part
from autograder.audit.trials import Trial, grade_trials
from autograder.build import stub_sources
from autograder.course import Course
from autograder.models import Lab


def audit_hostile(course: Course, lab: Lab, cases: Mapping[str, Mapping[str, str]], *, workers: int = 1) -> Part:
    """Grade each of `cases` (name → cell id → text) on the blank lab; `gained` is what it earned there."""
    blank = {cell.id: stub_sources(lab)[cell.id] for cell in (*lab.with_role("task"), *lab.with_role("written"))}
    trials = [Trial(lab, {**blank, **changes}) for changes in cases.values()]
    grades = grade_trials(course, trials, workers=workers)
    record = {name: {"gained": grade.total, "ok": not grade.total} for name, grade in zip(cases, grades, strict=True)}
    problems = [f"hostile {name} gains {found['gained']:g} points" for name, found in record.items() if not found["ok"]]
    return Part({"hostile": record}, tuple(problems))
