"""A source notebook as nbgrader writes it, read as a `Lab`: solution cells are tasks, autograded tests are checks.

A check gets its names from where it is safe: imports, and constants of plain cells, are put before it from the source;
what solution cells assign comes from the student as proxies. What a check needs beyond that is named, never guessed.
"""

from __future__ import annotations

import ast
import copy
import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from nbformat import NotebookNode
from nbgrader import nbgraderformat
from nbgrader.preprocessors import ClearSolutions
from traitlets.config import Config
from traitlets.config.loader import ConfigFileNotFound, PyFileConfigLoader

from autograder.boundary import crossing_problems
from autograder.calls import imported
from autograder.errors import SourceError
from autograder.models import Cell, Lab, Role
from autograder.names import assigned_names, free_names, parsed
from autograder.support_files import support_cell
from autograder.unsafe import unsafe_reasons
from autograder.weak import is_literal


@dataclass(frozen=True)
class _Origin:
    """Where a name comes from: `given` source text, a `task` cell, or out of reach for the reason in `text`."""

    kind: Literal["given", "task", "unreachable"]
    text: str


@dataclass
class _Scope:
    """What the cells read so far define."""

    names: dict[str, _Origin] = field(default_factory=dict)
    constants: set[str] = field(default_factory=set)
    functions: set[str] = field(default_factory=set)
    since_check: list[str] = field(default_factory=list)


def read_nbgrader(path: Path, module: str) -> Lab:
    """Read the source notebook at `path`; cells without a grade id stay the student's own and are not in the lab."""
    notebook = _read(path)
    stubs = _stubs(notebook, path)
    scope, cells = _Scope(), list(support_cell(path, notebook))
    for number, node in enumerate(notebook.cells, start=1):
        cell = _cell(node, number, stubs)
        if cell.role == "check":
            cell = _bound(cell, scope, tuple(cells), path)
        if cell.kind == "code":
            _define(replace(cell, source=str(node.source)), scope)
        if node.metadata.get("nbgrader", {}).get("grade_id"):
            cells.append(cell)
    return Lab(module=module, path=str(path), cells=tuple(cells), assignment=path.parent.name)


def _read(path: Path) -> NotebookNode:
    try:
        notebook: NotebookNode = nbgraderformat.read(str(path), as_version=4)
    except nbgraderformat.SchemaTooOldError as error:
        raise SourceError(f"{path} has metadata of an old nbgrader; run `nbgrader update {path}` once") from error
    except Exception as error:
        raise SourceError(f"{path} is not a source notebook of nbgrader: {error}") from error
    return notebook


def _stubs(notebook: NotebookNode, path: Path) -> dict[str, str]:
    """What students receive in each cell with a grade id, by the course's own nbgrader_config.py if it has one."""
    config = Config()
    for folder in (path.parents[2], path.parents[1]):
        try:
            config = PyFileConfigLoader("nbgrader_config.py", path=str(folder)).load_config()
            break
        except ConfigFileNotFound:
            continue
    cleared, _ = ClearSolutions(config=config).preprocess(copy.deepcopy(notebook), {})
    return {cell.metadata.nbgrader["grade_id"]: cell.source for cell in cleared.cells if "nbgrader" in cell.metadata}


def _cell(node: NotebookNode, number: int, stubs: dict[str, str]) -> Cell:
    about: dict[str, Any] = node.metadata.get("nbgrader", {})
    name = str(about.get("grade_id") or f"cell-{number}")
    role = _role(about)
    return Cell(
        id=name,
        kind="code" if node.cell_type == "code" else "markdown",
        role=role,
        source=str(node.source),
        line=number,
        points=float(about.get("points", 0)) if role in ("check", "written") else 0,
        stub=stubs.get(name, ""),
        category="points" if role in ("check", "written") else None,
    )


def _role(about: dict[str, Any]) -> Role:
    if about.get("task") or (about.get("grade") and about.get("solution")):
        return "written"
    if about.get("grade"):
        return "check"
    return "task" if about.get("solution") else "plain"


def _define(cell: Cell, scope: _Scope) -> None:
    """Note what a code cell defines, in notebook order: the last definition of a name counts."""
    try:
        tree = parsed(cell.source)
    except SourceError:
        return  # not Python, a %%bash cell say: it defines nothing that a check could name
    pure = cell.role == "check" or (cell.role == "plain" and all(_is_pure(node) for node in tree.body))
    kind: Literal["task", "unreachable"] = "task" if cell.role in ("task", "written") else "unreachable"
    place = "another check" if cell.role == "check" else "a cell that runs in the student's notebook alone"
    text = cell.id if kind == "task" else f"computed by {cell.id}, {place}"
    scope.names.update(dict.fromkeys(assigned_names(cell.source), _Origin(kind, text)))
    changed = _Origin("unreachable", f"changed in place by {cell.id}")
    scope.names.update(dict.fromkeys(set(_changed(tree)) & scope.constants, changed))
    for node in tree.body:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            scope.names.update(_imports(node))
        elif pure and isinstance(node, ast.Assign) and is_literal(node.value):
            constants = assigned_names(ast.unparse(node))
            scope.constants |= constants
            scope.names.update(dict.fromkeys(constants, _Origin("given", ast.unparse(node))))
        elif kind == "task" and isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            scope.functions.add(node.name)
    if kind == "task":
        scope.since_check.append(cell.id)


def _changed(tree: ast.AST) -> Iterator[str]:
    """Names whose value a cell changes without assigning it: `rows[0] = 1`, or a method called for its effect."""
    for node in ast.walk(tree):
        part = node.value if isinstance(node, ast.Expr) else node
        if isinstance(part, ast.Call) and part is not node:
            part = part.func
        elif not isinstance(part, (ast.Subscript, ast.Attribute)) or isinstance(part.ctx, ast.Load):
            continue
        if isinstance(part, (ast.Subscript, ast.Attribute)) and isinstance(part.value, ast.Name):
            yield part.value.id


def _is_pure(node: ast.stmt) -> bool:
    """Whether a statement of a plain cell is an import, a constant, a docstring or (as `pass`) a magic."""
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant)
    return isinstance(node, (ast.Import, ast.ImportFrom, ast.Pass)) or (
        isinstance(node, ast.Assign) and is_literal(node.value)
    )


def _imports(node: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, _Origin]]:
    """The names that an import binds: never taken from the student, whose module could be patched."""
    for alias in node.names:
        one = ast.Import([alias]) if isinstance(node, ast.Import) else ast.ImportFrom(node.module, [alias], node.level)
        module = alias.name if isinstance(node, ast.Import) else node.module or "."
        text = ast.unparse(one)
        names = assigned_names(text)
        if alias.name == "*":
            names = set(dir(importlib.import_module(module))) if _installed(module) else set()
            text = f"from {module} import {{name}}"
        lacking = _Origin("unreachable", f"imported from {module}, which is not installed where grading runs")
        for name in names:
            yield name, _Origin("given", text.format(name=name)) if _installed(module) else lacking


def _installed(module: str) -> bool:
    top = module.split(".", maxsplit=1)[0]
    return bool(top) and importlib.util.find_spec(top) is not None


def _bound(cell: Cell, scope: _Scope, cells: tuple[Cell, ...], path: Path) -> Cell:
    """The check with its imports and constants before it, its tasks named, and what it cannot do from outside."""
    since, scope.since_check = scope.since_check, []
    theirs = {name for name, origin in scope.names.items() if origin.kind == "task"}
    try:
        needed = sorted(free_names(cell.source) - {"get_ipython"})
        bound = assigned_names(cell.source) & theirs
    except SourceError as error:
        return replace(cell, targets=tuple(since), unjudged=_cannot([str(error)]))
    origins = {name: scope.names.get(name, _Origin("unreachable", "defined by no cell before it")) for name in needed}
    given = dict.fromkeys(origin.text for origin in origins.values() if origin.kind == "given")
    source = "\n".join([*given, cell.source])
    problems = [f"needs {name}, {origin.text}" for name, origin in origins.items() if origin.kind == "unreachable"]
    used = {origin.text for origin in origins.values() if origin.kind == "task"}
    targets = tuple(other.id for other in cells if other.id in used) or tuple(since)
    if not used and not bound:
        problems.append("uses nothing that a solution cell assigns")
    problems += crossing_problems(cell.source, theirs, scope.functions, imported(parsed(source)))
    cell = replace(cell, targets=targets, source=source)
    lab = Lab(module=path.stem, path=str(path), cells=(*cells, cell))
    problems += [reason.partition(": ")[2] for reason in unsafe_reasons(lab, cell)]
    return replace(cell, unjudged=_cannot(problems) if problems else "")


def _cannot(problems: list[str]) -> str:
    return f"cannot be judged outside the student's process, mark it by hand: it {'; it '.join(problems)}"
