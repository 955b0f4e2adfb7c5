"""Hostile submissions: put into an otherwise blank lab, each must earn nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping

from autograder.audit.part import Part
from autograder.audit.trials import Trial, grade_trials
from autograder.build import stub_sources
from autograder.course import Course
from autograder.models import Lab


def read_attacks(course: Course, lab: Lab) -> dict[str, dict[str, str]]:
    """What the corpus that course.toml names puts into code cells, each text in the first code task of `lab`."""
    task = next((cell.id for cell in lab.with_role("task") if cell.kind == "code" and cell.rubric == "code"), None)
    if course.hostile is None or task is None:
        return {}
    found = {}
    for path in sorted((course.root / course.hostile).glob("*.py")):
        for case in re.split(r"^# %% ", path.read_text("utf-8"), flags=re.MULTILINE)[1:]:
            name, *strikes = re.split(r"^# strikes: (?:code|results)-\S+\n", case, flags=re.MULTILINE)
            for text in strikes:
                found[f"{path.stem} {name.splitlines()[0]}"] = {task: text.partition("\n# strikes: ")[0]}
    return found


def audit_hostile(course: Course, lab: Lab, cases: Mapping[str, Mapping[str, str]], *, workers: int = 1) -> Part:
    """Grade each of `cases` (name → cell id → text) on the blank lab; `gained` is what it earned there."""
    blank = {cell.id: stub_sources(lab)[cell.id] for cell in (*lab.with_role("task"), *lab.with_role("written"))}
    trials = [Trial(lab, {**blank, **changes}) for changes in cases.values()]
    grades = grade_trials(course, trials, workers=workers)
    record = {name: {"gained": grade.total, "ok": not grade.total} for name, grade in zip(cases, grades, strict=True)}
    problems = [f"hostile {name} gains {found['gained']:g} points" for name, found in record.items() if not found["ok"]]
    return Part({"hostile": record}, tuple(problems))
