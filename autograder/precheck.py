"""What can be said of a notebook before it is handed in: what the grader will find, what is missing, what looks wrong.

It reads the notebook with the grader's own code and knows no answer and no hidden test: points may still be lost.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from autograder.errors import SourceError
from autograder.handout import AnswerForm, GivenCell, GivenModule, Handout
from autograder.lab import Failure, answered
from autograder.merge import Submission, grade_id, submission_in
from autograder.models import Rubric
from autograder.names import parsed
from autograder.progress import saved_state
from autograder.readable import readable


@dataclass(frozen=True)
class RubricLine:
    """One line of the rubric: its points, those whose tasks were attempted, its tasks, and remarks on both."""

    rubric: Rubric
    possible: float
    in_reach: float
    tasks: int
    attempted: int
    remarks: tuple[str, ...]


@dataclass(frozen=True)
class Precheck:
    """`attempted` are the ids of the task and written cells whose text was changed, in notebook order."""

    submission: Submission
    attempted: tuple[str, ...]
    lines: tuple[RubricLine, ...]


def precheck(handout: Handout, module: GivenModule, content: bytes, results: dict[str, str] | None = None) -> Precheck:
    """Look at a notebook's `content`; `results` of the visible checks stand in place of those that were saved in it."""
    submission = submission_in(content, module.lab)
    attempted = tuple(name for name, text in submission.answers.items() if not module[name].untouched(text))
    if results is None:
        results = saved_results(json.loads(content)) if submission.answers else {}
    lines = (_line(rubric, module, submission, set(attempted), results) for rubric in handout.rubric)
    return Precheck(submission, attempted, tuple(lines))


def saved_results(notebook: dict[str, Any]) -> dict[str, str]:
    """What each code cell of a notebook ended in, by its outputs: "" when it passed, else why not; by grade id."""
    cells = (cell for cell in notebook.get("cells", ()) if isinstance(cell, dict))
    return {grade_id(cell): _result(cell) for cell in cells if cell.get("cell_type") == "code"}


def _line(
    rubric: Rubric, module: GivenModule, submission: Submission, attempted: set[str], results: dict[str, str]
) -> RubricLine:
    judging = [cell for cell in module.cells if cell.points and _rubric(cell) == rubric]
    tasks = [cell for cell in module.cells if cell.role in ("task", "written") and _rubric(cell) == rubric]
    remarks = []
    for task in tasks:
        remarks += [f"{task.id}: {text}" for text in _remarks(task, submission, attempted)]
    for check in judging:
        if attempted & set(check.targets) and results.get(check.id):
            remarks.append(f"{check.id}: {results[check.id]}")
    return RubricLine(
        rubric=rubric,
        possible=sum(cell.points for cell in judging),
        in_reach=sum(cell.points for cell in judging if attempted & {cell.id, *cell.targets}),
        tasks=len(tasks),
        attempted=sum(task.id in attempted for task in tasks),
        remarks=tuple(readable(remark, 500) for remark in remarks),
    )


def _rubric(cell: GivenCell) -> str:
    return cell.id.split("-", 1)[0]


def _remarks(task: GivenCell, submission: Submission, attempted: set[str]) -> Iterator[str]:
    text = submission.answers.get(task.id)
    if text is None:
        yield "the grader will not find it: the cell is gone, stands there twice or has become another kind of cell"
    elif task.id not in attempted:
        yield "not written" if task.role == "written" else "not attempted"
    elif task.role == "task":
        try:
            tree = parsed(text)
        except SourceError as error:
            yield str(error)
        else:
            yield from _form_trouble(task.form, tree)


def _form_trouble(form: AnswerForm | None, tree: ast.Module) -> Iterator[str]:
    """Why a literal answer has not the form that the question asks for; what is computed is known when it runs."""
    values = [
        node.value
        for node in tree.body
        if form and isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == [form.name]
    ]
    if form is None:
        return
    try:
        value = ast.literal_eval(values[-1])
        answered(value, form.kind, options=form.options, keys=form.keys, unit=form.unit)
    except IndexError:
        yield f"nothing assigns {form.name}"
    except Failure as failure:
        yield str(failure)
    except (ValueError, TypeError, MemoryError, RecursionError):
        return


def _result(cell: dict[str, Any]) -> str:
    state = saved_state(cell)
    if state == "not yet":
        error = next(output for output in cell["outputs"] if output.get("output_type") == "error")
        said = str(error.get("evalue", "")).strip() or str(error.get("ename", ""))
        return f"its visible check fails: {' '.join(said.split())[:200]}"
    return "" if state == "passed" else "its visible check was not run"
