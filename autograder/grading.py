"""Grades one submission: merge, run and check, score."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from nbformat import NotebookNode

from autograder.build import instructor_notebook, load_lab, stub_sources
from autograder.check import Judge, result, shared_names
from autograder.course import Course, Module, course_secret, draw_seed
from autograder.merge import Submission, merged_notebook, read_submission, solution_of
from autograder.models import CheckResult, Grade, Lab, Outcome
from autograder.run import Session, run_notebook
from autograder.score import grade, written_result
from autograder.walls.bubblewrap import WallsUnavailable
from autograder.walls.sandbox import Sandbox


@dataclass(frozen=True)
class Graded:
    """A grade and the notebook that was run for it, verdicts in its check cells."""

    grade: Grade
    notebook: NotebookNode


class ModuleGrader:
    """Everything about a module that its submissions share: the parsed lab, its stubs, the walls.

    Modules of one course may share a `sandbox`; it starts with the first submission. `lab` is the module or, for the
    audit, a slice of it; by default the whole module is read from its source.
    """

    def __init__(
        self, course: Course, module_id: str, *, sandbox: Sandbox | None = None, lab: Lab | None = None
    ) -> None:
        self.course = course
        self.module: Module = course[module_id]
        self.lab: Lab = lab or load_lab(course, module_id)
        self.stubs = stub_sources(self.lab)
        self._secret = course_secret(course)
        self._compiled: dict[str, Any] = {}
        self.sandbox = sandbox or Sandbox(course)
        self._plain: set[tuple[str, str]] = set()
        if self.lab.assignment:
            self.lab = self._calibrated(Path(self.lab.path))

    def grade_file(self, path: Path, student: str) -> Graded:
        """Grade the notebook at `path`; whatever is wrong with it becomes a flag."""
        return self.grade_submission(read_submission(path, self.lab), student)

    def grade_submission(self, submission: Submission, student: str) -> Graded:
        """Run and judge `submission`; every graded cell gets a result, whatever happens on the way."""
        started = time.perf_counter()
        notebook = merged_notebook(instructor_notebook(self.lab), self.lab, submission, self.stubs)
        flags = list(submission.flags)
        if submission.answers:
            checks, notebook, seen, stumbled = self._run(notebook, submission, student)
            checks = self._cleared(checks, stumbled, student) if stumbled else checks
            flags += seen
        else:
            reason = flags[0] if flags else "nothing handed in"
            checks = [result(cell, Outcome.NOT_REACHED, reason) for cell in self.lab.with_role("check")]
        answered = {after for after, *own in submission.own if tuple(own) not in self._plain}
        checks += [
            written_result(cell, changed=submission.attempted(cell.id, self.stubs) or cell.id in answered)
            for cell in self.lab.with_role("written")
        ]
        scored = grade(student, self.module.id, checks, self.course.rubric, flags)
        return Graded(scored.model_copy(update={"seconds": round(time.perf_counter() - started, 2)}), notebook)

    def _calibrated(self, source: Path) -> Lab:
        """The lab of a notebook of nbgrader's, with every check unjudged that its own solution does not pass here."""
        solution = read_submission(source, self.lab)
        self._plain = {own[1:] for own in solution.own}
        own = self.grade_submission(solution, "the source itself").grade
        reasons = {
            check.cell: f"the source's own solution does not pass this check outside the notebook: {check.reason}"
            for check in own.checks
            if check.outcome is not Outcome.PASSED
        }
        cells = [
            replace(cell, unjudged=cell.unjudged or reasons.get(cell.id, "")) if cell.role == "check" else cell
            for cell in self.lab.cells
        ]
        return replace(self.lab, cells=tuple(cells))

    def _cleared(self, checks: list[CheckResult], stumbled: set[str], student: str) -> list[CheckResult]:
        """What stumbled is the student's fault only where our own solution, with the same hidden inputs, passes."""
        own = solution_of(self.lab)
        notebook = merged_notebook(instructor_notebook(self.lab), self.lab, own, self.stubs)
        passes = {check.cell for check in self._run(notebook, own, student)[0] if check.outcome is Outcome.PASSED}
        return [
            result(self.lab[check.cell], Outcome.ERRORED, f"our own solution does not pass this check: {check.reason}")
            if check.cell in stumbled - passes and check.outcome is Outcome.FAILED
            else check
            for check in checks
        ]

    def _run(
        self, notebook: NotebookNode, submission: Submission, student: str
    ) -> tuple[list[CheckResult], NotebookNode, list[str], set[str]]:
        judge = Judge(
            lab=self.lab,
            shared=shared_names(self.lab, self.module.parameters),
            seed=lambda check: draw_seed(self._secret, student, self.module.id, check),
            examine=lambda target, **arguments: session.examine(target, **arguments),  # noqa: PLW0108 - made below
            attempted=partial(submission.attempted, stubs=self.stubs),
            _compiled=self._compiled,
        )
        session = Session(judge=judge, limits=self.module.limits, sandbox=self.sandbox)
        try:
            ran = run_notebook(notebook, session, dict(self.module.parameters))
        except WallsUnavailable:
            raise
        except Exception as error:  # noqa: BLE001 - flagged for the instructor; the class goes on
            fault = f"grader error: {type(error).__name__}: {error}"
            return self._faulted(session.results, fault), notebook, [*session.flags, fault], judge.stumbled
        return session.results, ran, session.flags, judge.stumbled

    def _faulted(self, found: list[CheckResult], fault: str) -> list[CheckResult]:
        """Keep what was judged before the grader's own fault; the rest is errored, not failed."""
        done = {check.cell for check in found}
        rest = [cell for cell in self.lab.with_role("check") if cell.id not in done]
        return [*found, *(result(cell, Outcome.ERRORED, fault) for cell in rest)]
