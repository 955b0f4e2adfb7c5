"""Reads a module's percent source into a `Lab`, and refuses what could not be graded."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import jupytext
from pydantic import BaseModel, ConfigDict, ValidationError

from autograder.answers import AnswerSpec, check_source
from autograder.errors import SourceError
from autograder.models import Cell, Lab, Role
from autograder.names import assigned_names, free_names
from autograder.unsafe import reject_unsafe_checks

BEGIN_SOLUTION, END_SOLUTION = "### BEGIN SOLUTION", "### END SOLUTION"
BEGIN_HIDDEN, END_HIDDEN = "### BEGIN HIDDEN TESTS", "### END HIDDEN TESTS"
EXCUSABLE = ("fixed", "nan", "visible")
_ID = re.compile(r"^[A-Za-z0-9_-]{1,64}$")


class _Header(BaseModel):
    """What may stand on a cell's `# %%` line; anything else is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    tags: tuple[str, ...] = ()
    task: bool = False
    shared: bool = False
    check: str = ""
    points: float = 0
    minutes: float = 0
    half: str = ""
    folded: bool = False
    prepares: bool = False
    answer: str = ""
    options: str = ""
    keys: str = ""
    tolerance: float = 0
    unit: str = ""
    excuse: str = ""


def read_lab(path: Path) -> Lab:
    """Parse `path` (jupytext py:percent) into cells, in order; SourceError on anything unclear."""
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        raise SourceError(f"{path} does not exist; a module's source is solutions/<module>.py") from None
    cells: list[Cell] = []
    for raw, line in zip(jupytext.reads(text, fmt="py:percent").cells, header_lines(text), strict=True):
        cells += _cells(raw, f"{path.name}:{line}", line)
    lab = Lab(module=path.stem, path=str(path), cells=tuple(cells))
    _reject_duplicates(lab)
    _reject_orphans(lab)
    _reject_foreign_names(lab)
    reject_unsafe_checks(lab)
    return lab


def read_cells(path: Path) -> dict[str, str]:
    """The cells of a percent file that holds only some cells of a module: id → text."""
    notebook = jupytext.reads(path.read_text("utf-8"), fmt="py:percent")
    return {cell.metadata["id"]: cell.source for cell in notebook.cells if "id" in cell.metadata}


def header_lines(text: str) -> list[int]:
    """The numbers of the lines that begin a cell; SourceError when anything but comments stands before the first."""
    lines = text.split("\n")
    marks = [number for number, line in enumerate(lines, start=1) if re.match(r"# %%( |$)", line)]
    before = [line for line in lines[: marks[0] - 1 if marks else None] if line.strip() and not line.startswith("#")]
    if before:
        raise SourceError(f"text stands before the first cell: {before[0]!r}; put it in a cell with an id")
    return marks


def header_values(metadata: dict[str, Any]) -> dict[str, Any]:
    """What stands on a cell's `# %%` line: `metadata` without the notes that jupytext makes for itself."""
    return {key: value for key, value in metadata.items() if not key.startswith("lines_to_")}


def _cells(raw: Any, where: str, line: int) -> list[Cell]:
    """The cell, and behind an answer cell the check that is made for it."""
    header = _header(raw.metadata, where)
    role = _role(header, raw.cell_type, where)
    cell = Cell(
        id=header.id,
        kind=raw.cell_type,
        role=role,
        source=raw.source,
        line=line,
        points=0 if header.answer else header.points,
        targets=tuple(header.check.split()),
        tags=header.tags,
        minutes=header.minutes,
        half=header.half,  # type: ignore[arg-type]
        folded=header.folded,
        prepares=header.prepares,
        excused=_excused(header.excuse, where),
    )
    _check_cell_form(cell, header, where)
    if not header.answer:
        return [cell]
    spec = AnswerSpec(
        name=header.id.replace("-", "_"),
        kind=header.answer,
        options=header.options,
        keys=header.keys,
        tolerance=header.tolerance,
        unit=header.unit,
    )
    check = Cell(
        id=f"{header.id}-check",
        kind="code",
        role="check",
        source=check_source(spec, raw.source, where),
        line=line,
        points=header.points,
        targets=(header.id,),
        excused=cell.excused,
    )
    return [cell, check]


def _excused(text: str, where: str) -> frozenset[str]:
    """The lints that a header excuses: `excuse="nan: both are whole numbers; visible: …"`, each with its reason."""
    parts = [part.partition(":") for part in text.split(";") if part.strip()]
    for name, _, reason in parts:
        if name.strip() not in EXCUSABLE or not reason.strip():
            raise SourceError(
                f'{where}: excuse={text!r}; write excuse="NAME: reason", where NAME is {", ".join(EXCUSABLE)}'
            )
    return frozenset(name.strip() for name, _, _ in parts)


def _header(metadata: dict[str, Any], where: str) -> _Header:
    try:
        header = _Header.model_validate(header_values(metadata))
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise SourceError(f"{where}: cell header: {problems}") from error
    if not _ID.match(header.id):
        raise SourceError(f"{where}: id {header.id!r} must be 1–64 characters of A-Za-z0-9_-")
    if header.half not in ("", "theory", "practice"):
        raise SourceError(f'{where}: half={header.half!r}; write half="theory" or half="practice"')
    return header


def _role(header: _Header, kind: str, where: str) -> Role:
    roles: list[Role] = []
    if header.task or header.answer:
        roles.append("task")
    if header.check:
        roles.append("check")
    if header.shared:
        roles.append("shared")
    if "parameters" in header.tags:
        roles.append("parameters")
    if kind == "markdown" and header.points:
        roles.append("written")
    if len(roles) > 1:
        raise SourceError(f"{where}: cell {header.id!r} is {' and '.join(roles)} at once; make it one of them")
    return roles[0] if roles else "plain"


def _check_cell_form(cell: Cell, header: _Header, where: str) -> None:
    has_region = BEGIN_SOLUTION in cell.source
    for begin, end in ((BEGIN_SOLUTION, END_SOLUTION), (BEGIN_HIDDEN, END_HIDDEN)):
        if cell.source.count(begin) != cell.source.count(end):
            raise SourceError(f"{where}: cell {cell.id!r} has not as many {end!r} lines as {begin!r} lines")
    if cell.role in ("task", "written") and not has_region:
        raise SourceError(f"{where}: {cell.role} cell {cell.id!r} has no {BEGIN_SOLUTION} … {END_SOLUTION} region")
    if has_region and cell.role not in ("task", "written"):
        raise SourceError(f"{where}: cell {cell.id!r} holds a solution but is no task; add task=true to its header")
    if BEGIN_HIDDEN in cell.source and cell.role != "check":
        raise SourceError(
            f'{where}: cell {cell.id!r} holds hidden tests but is no check; add check="TASK" points=N to its header'
        )
    if header.prepares and (cell.role != "plain" or cell.kind != "code"):
        raise SourceError(f"{where}: cell {cell.id!r} is graded or text; prepares=true is for a given cell of code")
    carries = cell.role in ("check", "written") or header.answer
    if carries and header.points <= 0:
        raise SourceError(f"{where}: cell {cell.id!r} has no points; add points=N to its header")
    if header.points and not carries:
        raise SourceError(
            f"{where}: cell {cell.id!r} has points={header.points:g} but nothing judges it; move them to a check"
        )
    if carries and cell.rubric is None:
        raise SourceError(f"{where}: graded cell {cell.id!r} must begin with theory- code- results- or report-")


def _reject_duplicates(lab: Lab) -> None:
    seen: dict[str, int] = {}
    for cell in lab.cells:
        if cell.id in seen:
            raise SourceError(
                f"{lab.at(cell)}: id {cell.id!r} stands already on line {seen[cell.id]}; give one of the two another id"
            )
        seen[cell.id] = cell.line


def _reject_orphans(lab: Lab) -> None:
    tasks = {cell.id for cell in lab.with_role("task")}
    judged = {target for cell in lab.with_role("check") for target in cell.targets}
    for cell in lab.with_role("check"):
        for target in cell.targets:
            if target not in tasks:
                known = ", ".join(sorted(tasks)) or "there is none yet"
                raise SourceError(
                    f"{lab.at(cell)}: check {cell.id!r} judges {target!r}, which is no task here. "
                    f"Write the id of a task=true or answer= cell in check=: {known}"
                )
    for cell in lab.with_role("task"):
        if cell.rubric and cell.id not in judged:
            raise SourceError(f"{lab.at(cell)}: no check judges task {cell.id!r}; add one with points")


def _reject_foreign_names(lab: Lab) -> None:
    """A check may use only what its tasks assign, parameters, shared names and builtins."""
    common = {
        name for cell in lab.cells if cell.role in ("shared", "parameters") for name in assigned_names(cell.source)
    }
    for cell in lab.with_role("check"):
        allowed = common | {name for target in cell.targets for name in assigned_names(lab[target].source)}
        foreign = free_names(cell.source) - allowed
        if foreign:
            raise SourceError(
                f"{lab.at(cell)}: check {cell.id!r} uses {', '.join(sorted(foreign))}, which neither "
                f"its tasks ({', '.join(cell.targets)}) assign nor a parameters or shared=true cell. "
                "Name the right task in check=, or define it in a shared cell"
            )
        twice = free_names(cell.source) & common & {n for t in cell.targets for n in assigned_names(lab[t].source)}
        if twice:
            raise SourceError(
                f"{lab.at(cell)}: check {cell.id!r} uses {', '.join(sorted(twice))}, which both a shared or parameters "
                "cell and its task assign: the student's would be judged by itself. Rename one of them"
            )
