"""Our source plus the text of a student's answers: the only notebook that the grader ever runs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import nbformat
import nbformat.reader
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell

from autograder.models import Lab

MAX_NOTEBOOK_BYTES = 50_000_000


@dataclass(frozen=True)
class Submission:
    """The texts that a student handed in, by cell id, and what was odd about the file.

    `own` are cells that are none of the lab's, kept for notebooks of nbgrader's alone: the id of the lab's cell before
    it, kind, text.
    """

    answers: dict[str, str]
    flags: tuple[str, ...] = ()
    own: tuple[tuple[str, str, str], ...] = ()

    def attempted(self, cell_id: str, stubs: dict[str, str]) -> bool:
        return cell_id in self.answers and self.answers[cell_id].strip() != stubs[cell_id].strip()


def read_submission(path: Path, lab: Lab) -> Submission:
    """Take the text of the task and written cells from the notebook at `path`; never raises for what a student did.

    What is missing or ambiguous is left out and named in `flags`; nothing else of the file is looked at.
    """
    try:
        if path.stat().st_size > MAX_NOTEBOOK_BYTES:
            return Submission({}, (f"notebook too large: {path.stat().st_size:,} bytes",))
        text = path.read_text("utf-8")
        data = json.loads(text)
        if not isinstance(data, dict) or not isinstance(data.get("nbformat"), int):
            return Submission({}, ("not a notebook: no nbformat number in it",))
        flags = () if data["nbformat"] >= 4 else (f"old notebook format {data['nbformat']}, converted",)
        notebook = nbformat.convert(nbformat.reader.reads(text), 4)
        cells = [(_grade_id(cell), cell) for cell in notebook.cells]
    except FileNotFoundError:
        return Submission({}, ("missing notebook",))
    except (OSError, UnicodeDecodeError) as error:
        return Submission({}, (f"unreadable notebook: {error}",))
    except json.JSONDecodeError as error:
        return Submission({}, (f"not a notebook: the JSON breaks off or is damaged at line {error.lineno}",))
    except Exception as error:  # noqa: BLE001 - nbformat raises whatever a malformed file provokes
        return Submission({}, (f"not a notebook: {type(error).__name__}: {str(error)[:200]}",))
    return _pick(cells, lab, flags)


def merged_notebook(notebook: NotebookNode, lab: Lab, submission: Submission, stubs: dict[str, str]) -> NotebookNode:
    """`notebook` (the instructor's) with each task and written cell's text replaced by the student's, or its stub."""
    for cell in notebook.cells:
        if lab[cell.id].role in ("task", "written"):
            cell.source = submission.answers.get(cell.id, stubs[cell.id])
    if submission.own:
        notebook.cells = _with_own(notebook.cells, submission)
    return notebook


def _with_own(cells: list[NotebookNode], submission: Submission) -> list[NotebookNode]:
    """`cells` with the student's own where they stood: nbgrader runs them, and helper functions may be in them."""
    own: dict[str, list[NotebookNode]] = {}
    for number, (after, kind, text) in enumerate(submission.own):
        make = new_code_cell if kind == "code" else new_markdown_cell
        own.setdefault(after, []).append(make(source=text, id=f"own-{number}"))  # type: ignore[no-untyped-call]
    return [*own.get("", ()), *(each for cell in cells for each in (cell, *own.get(cell.id, ())))]


def _pick(cells: list[tuple[str, NotebookNode]], lab: Lab, flags: tuple[str, ...]) -> Submission:
    answers: dict[str, str] = {}
    known = {cell.id for cell in lab.cells}
    if not any(cell_id in known for cell_id, _ in cells):
        return Submission({}, (*flags, f"another notebook: none of its cells belongs to {lab.module}"))
    for wanted in lab.with_role("task") + lab.with_role("written"):
        texts = {str(cell.source) for cell_id, cell in cells if cell_id == wanted.id and cell.cell_type == wanted.kind}
        if len(texts) == 1:
            answers[wanted.id] = texts.pop()
        elif texts:
            flags += (f"duplicated cell {wanted.id}: {len(texts)} different texts, none was graded",)
        else:
            flags += (f"missing cell {wanted.id}",)
    return Submission(answers, flags, _own_cells(cells, known) if lab.assignment else ())


def _own_cells(cells: list[tuple[str, NotebookNode]], known: set[str]) -> tuple[tuple[str, str, str], ...]:
    own, after = [], ""
    for cell_id, cell in cells:
        if cell_id in known:
            after = cell_id
        elif cell.cell_type in ("code", "markdown") and str(cell.source).strip():
            own.append((after, str(cell.cell_type), str(cell.source)))
    return tuple(own)


def _grade_id(cell: NotebookNode) -> str:
    """The grade id of nbgrader, else the cell's own: editors that renew cell ids keep the metadata."""
    metadata = cell.get("metadata", {}).get("nbgrader", {})
    return str(metadata.get("grade_id") or cell.get("id", ""))
