"""From one percent source to both notebooks: the instructor's with solutions and outputs, the student's with neither.

The student's notebook is made by nbgrader's own preprocessors, so it is what `nbgrader generate_assignment` makes.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from nbgrader.preprocessors import (
    CheckCellMetadata,
    ClearHiddenTests,
    ClearMarkScheme,
    ClearOutput,
    ClearSolutions,
    ComputeChecksums,
    LockCells,
)
from traitlets.config import Config

from autograder.course import Course
from autograder.errors import GraderError, SourceError
from autograder.models import Cell, Lab
from autograder.nbgrader_notebook import read_nbgrader
from autograder.plain_kernel import new_kernel
from autograder.source import read_lab
from autograder.visible import reject_visible_outputs, reject_visible_values
from autograder.weak import reject_weak_checks

CODE_STUB = "# YOUR CODE HERE"
TEXT_STUB = "*Write here.*"
KERNELSPEC = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
_STEPS = (
    LockCells,
    ClearSolutions,
    ClearOutput,
    CheckCellMetadata,
    ComputeChecksums,
    ClearHiddenTests,
    ClearMarkScheme,
    ComputeChecksums,
    CheckCellMetadata,
)


def build_module(course: Course, module: str, *, execute: bool = True) -> Lab:
    """Write `labs/<module>/` and `solutions/<module>/` from `solutions/<module>.py`; SourceError when it cannot be."""
    lab = load_lab(course, module)
    instructor, student = instructor_notebook(lab), student_notebook(lab)
    reject_weak_checks(lab)
    reject_visible_values(lab, student)
    if execute:
        reject_visible_outputs(lab, executed(instructor, course, module))
    write_notebook(student, course.student_notebook(module))
    if execute or not course.instructor_notebook(module).exists():
        write_notebook(instructor, course.instructor_notebook(module))
    return lab


def build_page(course: Course, page: str) -> Lab:
    """Write `labs/<page>.ipynb`, a notebook without points, from its source; SourceError when it cannot be."""
    lab = load_page(course, page)
    write_notebook(student_notebook(lab), course.page(page))
    return lab


def stale_files(course: Course, module: str) -> list[str]:
    """Built notebooks that no longer equal what the source makes, as reasons; empty when all is up to date.

    Of the instructor's notebook everything but outputs and execution counts is compared.
    """
    lab = load_lab(course, module)
    reject_weak_checks(lab)
    reject_visible_values(lab, student_notebook(lab))
    stale = []
    for path, notebook in (
        (course.student_notebook(module), student_notebook(lab)),
        (course.instructor_notebook(module), instructor_notebook(lab)),
    ):
        shown = path.relative_to(course.root)
        try:
            have = nbformat.read(path, as_version=4)
        except FileNotFoundError:
            stale.append(f"{shown} is missing; run `make build`")
            continue
        if path == course.instructor_notebook(module):
            have = _without_outputs(have)
        if notebook_text(have) != notebook_text(notebook):
            stale.append(f"{shown} is not what {lab.module}.py makes; run `make build`")
    return stale


def stale_pages(course: Course) -> list[str]:
    """The course's pages that no longer equal what their sources make, as reasons."""
    stale = []
    for page in course.pages:
        path, wanted = course.page(page), notebook_text(student_notebook(load_page(course, page)))
        if not path.exists() or path.read_text("utf-8") != wanted:
            stale.append(f"{path.relative_to(course.root)} is not what {page}.py makes; run `make build`")
    return stale


def load_lab(course: Course, module: str) -> Lab:
    """Read a module's source and check what only the course knows: point sums and the share of theory."""
    source = course.source(module)
    if source.suffix == ".ipynb":
        return read_nbgrader(source, module)
    lab = read_lab(source)
    _check_points(lab, course)
    _check_minutes(lab, course)
    return lab


def instructor_notebook(lab: Lab) -> NotebookNode:
    """The whole module with nbgrader's metadata, unexecuted."""
    notebook: NotebookNode = new_notebook(
        metadata={"kernelspec": dict(KERNELSPEC), "language_info": {"name": "python"}}
    )
    notebook.nbformat_minor = 5
    notebook.cells = [_notebook_cell(cell) for cell in lab.cells]
    return notebook


def student_notebook(lab: Lab) -> NotebookNode:
    """What a student opens: no solutions, no hidden tests, no outputs."""
    return _through(instructor_notebook(lab), _STEPS)


def stub_sources(lab: Lab) -> dict[str, str]:
    """The text of each cell as the student receives it, by id: an answer equal to it was not attempted."""
    if lab.assignment:
        return {cell.id: cell.stub for cell in lab.cells}
    return {cell.id: cell.source for cell in student_notebook(lab).cells}


def nbgrader_config() -> Config:
    """The settings with which nbgrader's own commands make the same notebooks (see `nbgrader_config.py`)."""
    config = Config()
    config.ClearSolutions.code_stub = {"python": CODE_STUB}
    config.ClearSolutions.text_stub = TEXT_STUB
    return config


def minutes(lab: Lab) -> dict[str, float]:
    """Stated minutes of the theory and the practice half."""
    return {half: sum(cell.minutes for cell in lab.cells if cell.half == half) for half in ("theory", "practice")}


def executed(notebook: NotebookNode, course: Course, module: str) -> NotebookNode:
    """Run `notebook` from top to bottom in a workspace of its own; an error in any cell fails the build."""
    with tempfile.TemporaryDirectory(prefix="lab-") as folder:
        environment = {**os.environ, "LAB_WORKSPACE": str(Path(folder) / module), "OMP_NUM_THREADS": "1"}
        client = NotebookClient(
            notebook,
            km=new_kernel(Path(folder)),
            timeout=int(course[module].limits.cell_s) * 4,
            kernel_name="python3",
            resources={"metadata": {"path": folder}},
            record_timing=False,
            coalesce_streams=True,
        )
        with contextlib.suppress(CellExecutionError):  # what failed, a check or another cell, stands in the outputs
            client.execute(env=environment, cleanup_kc=True)
    for cell in notebook.cells:
        for error in (output for output in cell.get("outputs", []) if output.output_type == "error"):
            raise GraderError(
                f"the solution of {module} does not run; cell {cell.id} raised {error.ename}: {error.evalue}"
            )
    notebook.metadata = nbformat.from_dict(_notebook_metadata())
    return notebook


def _notebook_metadata() -> dict[str, Any]:
    return {"kernelspec": dict(KERNELSPEC), "language_info": {"name": "python"}}


def _notebook_cell(cell: Cell) -> NotebookNode:
    make = new_code_cell if cell.kind == "code" else new_markdown_cell
    # "Run All" goes on behind a check that fails: without the tag it ends at the first question that is still open.
    tags = [*cell.tags, *(["raises-exception"] if cell.role == "check" else [])]
    metadata: dict[str, Any] = {"tags": tags} if tags else {}
    if cell.folded:
        metadata["jupyter"] = {"source_hidden": True}
    if cell.role in ("task", "check", "written"):
        metadata["nbgrader"] = {
            "grade": cell.role in ("check", "written"),
            "grade_id": cell.id,
            "locked": cell.role == "check",
            "schema_version": 3,
            "solution": cell.role in ("task", "written"),
            "task": False,
        }
        if cell.role != "task":
            metadata["nbgrader"]["points"] = cell.points
    return make(source=cell.source, id=cell.id, metadata=metadata)  # type: ignore[no-untyped-call, no-any-return]


def _through(notebook: NotebookNode, steps: tuple[type, ...]) -> NotebookNode:
    config = nbgrader_config()
    resources: dict[str, Any] = {}
    for step in steps:
        notebook, resources = step(parent=None, config=config).preprocess(notebook, resources)
    return notebook


def _without_outputs(notebook: NotebookNode) -> NotebookNode:
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
            cell.metadata.pop("execution", None)
    return notebook


def write_notebook(notebook: NotebookNode, path: Path) -> None:
    """Write atomically: a build that is cut off leaves the old file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(notebook_text(notebook), "utf-8")
    part.replace(path)


def notebook_text(notebook: NotebookNode) -> str:
    """The file's content: the same bytes for the same notebook."""
    return str(nbformat.writes(notebook)).rstrip("\n") + "\n"


def load_page(course: Course, page: str) -> Lab:
    """Read a page's source; SourceError when something in it has points."""
    lab = read_lab(course.page_source(page))
    if lab.graded:
        raise SourceError(f"{lab.at(lab.graded[0])}: {lab.graded[0].id!r} has points, and a page has none")
    return lab


def _check_points(lab: Lab, course: Course) -> None:
    for cell in lab.graded:
        if cell.rubric not in course.rubric:
            raise SourceError(f"{lab.at(cell)}: {cell.id!r} is {cell.rubric}, which the rubric of course.toml lacks")
    for rubric in course.rubrics:
        total = sum(cell.points for cell in lab.graded if cell.rubric == rubric)
        if total != course.rubric[rubric]:
            cells = ", ".join(
                f"{cell.id} {cell.points:g} (line {cell.line})" for cell in lab.graded if cell.rubric == rubric
            )
            raise SourceError(
                f"{lab.module}.py: {rubric} adds up to {total:g} points, not {course.rubric[rubric]:g}: "
                f"{cells or 'no cell'}. Change points= of these cells, or {rubric} in the rubric of course.toml"
            )


def _check_minutes(lab: Lab, course: Course) -> None:
    if course.theory_share is None:
        return
    split = minutes(lab)
    share = split["theory"] / (sum(split.values()) or 1)
    low, high = course.theory_share
    if not low <= share <= high:
        raise SourceError(
            f"{lab.module}: theory takes {share:.0%} of the minutes; course.toml wants {low:.0%} to {high:.0%}. "
            "Change the minutes= of the sections, and the sections with them"
        )
