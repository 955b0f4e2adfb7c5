"""The part of a module that decides points: of one task, of what was changed, or of all."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from dataclasses import replace

from autograder.models import Cell, Lab
from autograder.names import assigned_names, free_names, plain_python


def task_slice(lab: Lab, task: str, changes: Mapping[str, str] | None = None) -> Lab:
    """`lab` with only the checks of `task`, and of the other cells those that the checks or the task build on.

    Names decide: a cell stays when it assigns what a kept cell reads, and so do parameters, shared cells, set-up cells
    (those that import, for they prepare files and stores as well) and those that say `prepares=true`. `changes` (cell
    id → text) are read beside the solution's own text, since a changed task may need other names. What a slice leaves
    out may have left state behind: see that the solution keeps its points in the slice before you trust it.
    """
    return _slice(lab, {cell.id for cell in checks_of(lab, task)}, changes or {})


def changes_slice(lab: Lab, changes: Mapping[str, str]) -> Lab:
    """`lab` with only the checks that judge a cell of `changes` (id → text) or what builds on one, and what they need.

    The other checks read nothing that was changed, by name: what they find by way of files is seen in the whole lab.
    """
    reached = {*changes, *built_on(lab, changes)}
    return _slice(lab, {check.id for check in lab.with_role("check") if reached & {*check.targets}}, changes)


def without_demonstrations(lab: Lab, changes: Mapping[str, str] | None = None) -> Lab:
    """`lab` without the cells that only show something: no task, check or change reads a name of theirs."""
    code = [cell for cell in lab.cells if cell.kind == "code"]
    kept = _with_what_they_build_on(code, {c.id for c in code if c.role != "plain" or _stays(c)}, changes or {})
    return replace(lab, cells=tuple(cell for cell in lab.cells if cell.kind != "code" or cell.id in kept))


def checks_of(lab: Lab, task: str) -> tuple[Cell, ...]:
    """The check cells that judge `task`, alone or among others."""
    return tuple(cell for cell in lab.with_role("check") if task in cell.targets)


def built_on(lab: Lab, cells: Iterable[str]) -> frozenset[str]:
    """The ids of the other cells, but checks, that read a name of one of `cells`, at once or through others."""
    given = {*cells}
    names = {name for cell in given for name in assigned_names(lab[cell].source)}
    found: set[str] = set()
    for each in lab.cells:
        if each.kind == "code" and each.role != "check" and each.id not in given and free_names(each.source) & names:
            found.add(each.id)
            names |= assigned_names(each.source)
    return frozenset(found)


def _slice(lab: Lab, checks: set[str], changes: Mapping[str, str]) -> Lab:
    last = max(index for index, cell in enumerate(lab.cells) if cell.id in checks)
    before = [cell for cell in lab.cells[: last + 1] if cell.kind == "code"]
    targets = {target for check in checks for target in lab[check].targets}
    kept = {cell.id for cell in before if cell.id in checks | targets or _stays(cell)}
    kept = _with_what_they_build_on(before, kept, changes)
    return replace(lab, cells=tuple(cell for cell in before if cell.id in kept))


def _stays(cell: Cell) -> bool:
    return cell.prepares or cell.role in ("parameters", "shared") or (cell.role == "plain" and _imports(cell))


def _imports(cell: Cell) -> bool:
    return any(isinstance(node, ast.Import | ast.ImportFrom) for node in ast.parse(plain_python(cell.source)).body)


def _with_what_they_build_on(cells: list[Cell], kept: set[str], changes: Mapping[str, str]) -> set[str]:
    while grown := _providers(cells, _needs(cells, kept, changes)) - kept:
        kept = kept | grown
    return kept


def _needs(cells: list[Cell], kept: set[str], changes: Mapping[str, str]) -> set[str]:
    texts = [cell.source for cell in cells if cell.id in kept] + [changes.get(cell.id, "") for cell in cells]
    return {name for text in texts for name in free_names(text)}


def _providers(cells: list[Cell], names: set[str]) -> set[str]:
    return {cell.id for cell in cells if cell.role != "check" and assigned_names(cell.source) & names}
