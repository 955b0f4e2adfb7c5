"""Our source plus the text of a student's answers: the only notebook that the grader ever runs."""

from __future__ import annotations

import json
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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


def solution_of(lab: Lab) -> Submission:
    """The lab's own answers, as if somebody had handed them in."""
    return Submission({cell.id: cell.source for cell in lab.with_role("task") + lab.with_role("written")})


def read_submission(path: Path, lab: Lab) -> Submission:
    """Take the text of the task and written cells from the notebook at `path`; never raises for what a student did.

    What is missing or ambiguous is left out and named in `flags`; nothing else of the file is looked at.
    """
    try:
        return submission_in(read_handed_in(path), lab)
    except FileNotFoundError:
        return Submission({}, ("missing notebook",))
    except OSError as error:
        return Submission({}, (f"unreadable notebook: {error}",))


def submission_in(content: bytes, lab: Lab) -> Submission:
    """The same of a notebook's `content`."""
    try:
        text = content.decode("utf-8")
        data = json.loads(text)
        if not isinstance(data, dict) or not isinstance(data.get("nbformat"), int):
            return Submission({}, ("not a notebook: no nbformat number in it",))
        flags = () if data["nbformat"] >= 4 else (f"old notebook format {data['nbformat']}, converted",)
        found = data["cells"] if data["nbformat"] >= 4 else nbformat.convert(nbformat.reader.reads(text), 4).cells
        cells = [(grade_id(cell), cell) for cell in found if isinstance(cell, dict)]
    except UnicodeDecodeError as error:
        return Submission({}, (f"unreadable notebook: {error}",))
    except json.JSONDecodeError as error:
        return Submission({}, (f"not a notebook: the JSON breaks off or is damaged at line {error.lineno}",))
    except Exception as error:  # noqa: BLE001 - nbformat raises whatever a malformed file provokes
        return Submission({}, (f"not a notebook: {type(error).__name__}: {str(error)[:200]}",))
    return _pick(cells, lab, flags)


def read_handed_in(path: Path) -> bytes:
    """The bytes of a file that a student handed in; OSError when it is no plain file or too large.

    A link, of the file or of the module's folder, could lead to another student's work or to the solution.
    """
    found = path.lstat()
    if not stat.S_ISREG(found.st_mode) or (path.parent.name == path.stem and path.parent.is_symlink()):
        raise OSError(f"{path.name} is not a plain file")
    if found.st_size > MAX_NOTEBOOK_BYTES:
        raise OSError(f"{path.name} is too large: {found.st_size:,} bytes, at most {MAX_NOTEBOOK_BYTES:,}")
    return path.read_bytes()


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


def _pick(cells: list[tuple[str, dict[str, Any]]], lab: Lab, flags: tuple[str, ...]) -> Submission:
    answers: dict[str, str] = {}
    known = {cell.id for cell in lab.cells}
    if not any(cell_id in known for cell_id, _ in cells):
        return Submission({}, (*flags, f"another notebook: none of its cells belongs to {lab.module}"))
    for wanted in lab.with_role("task") + lab.with_role("written"):
        texts = {
            _text(cell) for cell_id, cell in cells if cell_id == wanted.id and cell.get("cell_type") == wanted.kind
        }
        if len(texts) == 1:
            answers[wanted.id] = texts.pop()
        elif texts:
            flags += (f"duplicated cell {wanted.id}: {len(texts)} different texts, none was graded",)
        else:
            flags += (f"missing cell {wanted.id}",)
    return Submission(answers, flags, _own_cells(cells, known) if lab.assignment else ())


def _own_cells(cells: list[tuple[str, dict[str, Any]]], known: set[str]) -> tuple[tuple[str, str, str], ...]:
    own, after = [], ""
    for cell_id, cell in cells:
        if cell_id in known:
            after = cell_id
        elif cell.get("cell_type") in ("code", "markdown") and _text(cell).strip():
            own.append((after, str(cell["cell_type"]), _text(cell)))
    return tuple(own)


def grade_id(cell: dict[str, Any]) -> str:
    """The grade id of nbgrader, else the cell's own: editors that renew cell ids keep the metadata."""
    metadata = cell.get("metadata")
    ours = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    return str((ours.get("grade_id") if isinstance(ours, dict) else None) or cell.get("id", ""))


def _text(cell: dict[str, Any]) -> str:
    source = cell.get("source", "")
    text = "".join(map(str, source)) if isinstance(source, list) else str(source)
    # Half of a surrogate pair can stand in JSON, and in no file that is written of it.
    return text.encode("utf-8", "replace").decode()
