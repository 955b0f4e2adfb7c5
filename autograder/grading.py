"""Grades one submission: merge, run and check, score."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from nbformat import NotebookNode

from autograder.build import instructor_notebook, load_lab, stub_sources
from autograder.check import Judge, result, shared_names
from autograder.course import Course, Module, course_secret, draw_seed
from autograder.examiner import examine_workspace, start_examiner
from autograder.merge import Submission, merged_notebook, read_submission
from autograder.models import CheckResult, Grade, Lab, Outcome
from autograder.run import Session, run_notebook, scratch_workspace
from autograder.score import grade, written_result


@dataclass(frozen=True)
class Graded:
    """A grade and the notebook that was run for it, verdicts in its check cells."""

    grade: Grade
    notebook: NotebookNode


class ModuleGrader:
    """Everything about a module that its submissions share: the parsed lab, its stubs, the trusted names."""

    def __init__(self, course: Course, module_id: str, *, lab: Lab | None = None) -> None:
        """`lab` is the module or, for the audit, a slice of it; by default the whole module is read from its source."""
        self.course = course
        self.module: Module = course[module_id]
        self.lab: Lab = lab or load_lab(course, module_id)
        self.stubs = stub_sources(self.lab)
        self._secret = course_secret(course)
        self._compiled: dict[str, Any] = {}
        start_examiner(course.preload)

    def grade_file(self, path: Path, student: str) -> Graded:
        """Grade the notebook at `path`; whatever is wrong with it becomes a flag."""
        return self.grade_submission(read_submission(path, self.lab), student)

    def grade_submission(self, submission: Submission, student: str) -> Graded:
        """Run and judge `submission`; every graded cell gets a result, whatever happens on the way."""
        started = time.perf_counter()
        notebook = merged_notebook(instructor_notebook(self.lab), self.lab, submission, self.stubs)
        flags = list(submission.flags)
        if submission.answers:
            checks, notebook, seen = self._run(notebook, submission, student)
            flags += seen
        else:
            reason = flags[0] if flags else "nothing handed in"
            checks = [result(cell, Outcome.NOT_REACHED, reason) for cell in self.lab.with_role("check")]
        changed = partial(submission.attempted, stubs=self.stubs)
        checks += [written_result(cell, changed=changed(cell.id)) for cell in self.lab.with_role("written")]
        scored = grade(student, self.module.id, checks, self.course.rubric, flags)
        return Graded(scored.model_copy(update={"seconds": round(time.perf_counter() - started, 2)}), notebook)

    def _run(
        self, notebook: NotebookNode, submission: Submission, student: str
    ) -> tuple[list[CheckResult], NotebookNode, list[str]]:
        limits = self.module.limits
        with scratch_workspace(self.module.id) as (workspace, environment):

            def examine(target: str, **arguments: Any) -> Any:
                return examine_workspace(workspace, environment, target, arguments, limits.examine_s)

            judge = Judge(
                lab=self.lab,
                shared=shared_names(self.lab, self.module.parameters),
                seed=lambda check: draw_seed(self._secret, student, self.module.id, check),
                examine=examine,
                attempted=partial(submission.attempted, stubs=self.stubs),
                _compiled=self._compiled,
            )
            session = Session(judge=judge, limits=limits, workspace=workspace, environment=environment)
            try:
                ran = run_notebook(notebook, session, dict(self.module.parameters))
            except Exception as error:  # noqa: BLE001 - flagged for the instructor; the class goes on
                fault = f"grader error: {type(error).__name__}: {error}"
                return self._faulted(session.results, fault), notebook, [*session.flags, fault]
            return session.results, ran, session.flags

    def _faulted(self, found: list[CheckResult], fault: str) -> list[CheckResult]:
        """Keep what was judged before the grader's own fault; the rest is errored, not failed."""
        done = {check.cell for check in found}
        rest = [cell for cell in self.lab.with_role("check") if cell.id not in done]
        return [*found, *(result(cell, Outcome.ERRORED, fault) for cell in rest)]
