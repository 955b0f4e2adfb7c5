"""What a piece of source calls, by full name, and which of its names hold something of the student's."""

from __future__ import annotations

import ast
from collections.abc import Container, Iterable, Iterator


def imported(tree: ast.AST) -> dict[str, str]:
    r"""The names that imports in `tree` bind, each with the dotted name it stands for.

    >>> imported(ast.parse("import numpy as np\nimport os.path\nfrom joblib import load as read"))
    {'np': 'numpy', 'os': 'os', 'read': 'joblib.load'}
    """
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.split(".")[0]
                found[alias.asname or top] = alias.name if alias.asname else top
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                found[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return found


def calls(tree: ast.AST, aliases: dict[str, str]) -> Iterator[tuple[ast.Call, str]]:
    """Every call in `tree` with the full dotted name of what it calls; an unnamed callee is `"?"`.

    A method of a call's value keeps its place: `Path(x).open()` calls `pathlib.Path().open`.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield node, dotted(node.func, aliases)


def dotted(node: ast.AST, aliases: dict[str, str]) -> str:
    """The full name that `node` reads, imports resolved."""
    if isinstance(node, ast.Name):
        return aliases.get(node.id, node.id)
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value, aliases)}.{node.attr}"
    if isinstance(node, ast.Call):
        return f"{dotted(node.func, aliases)}()"
    return "?"


def derived(tree: ast.AST, names: Iterable[str]) -> set[str]:
    r"""`names` and every name in `tree` that is assigned from one of them, directly or by way of others.

    >>> sorted(derived(ast.parse("b = f(a)\nfor c in b: pass\nd = 1"), {"a"}))
    ['a', 'b', 'c']
    """
    known = set(names)
    bindings = [(set().union(*map(_names, targets)), _names(value)) for targets, value in _bindings(tree)]
    while new := {name for bound, read in bindings if read & known for name in bound} - known:
        known |= new
    return known


def mentions(tree: ast.AST, names: set[str]) -> bool:
    """Whether `tree` reads or binds one of `names`."""
    return bool(_names(tree) & names)


def names_on(tree: ast.AST, lines: Container[int]) -> set[str]:
    """The names that `tree` mentions on `lines`."""
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and node.lineno in lines}


def _names(tree: ast.AST) -> set[str]:
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


def _bindings(tree: ast.AST) -> Iterator[tuple[list[ast.expr], ast.expr]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            yield node.targets, node.value
        elif isinstance(node, (ast.AnnAssign, ast.AugAssign, ast.NamedExpr)) and node.value:
            yield [node.target], node.value
        elif isinstance(node, (ast.For, ast.comprehension)):
            yield [node.target], node.iter
        elif isinstance(node, ast.withitem) and node.optional_vars:
            yield [node.optional_vars], node.context_expr
