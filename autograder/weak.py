"""Refuses checks that would pass what is wrong: comparisons that let NaN through, and one fixed answer for all."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from autograder.calls import derived, dotted, names_on
from autograder.errors import SourceError
from autograder.models import Cell, Lab
from autograder.names import assigned_names, parsed

_ORDER = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)


def reject_weak_checks(lab: Lab) -> None:
    """SourceError for a check that NaN or one constant passes; `excuse="nan: …"` or `excuse="fixed: …"` allows it."""
    for cell in lab.with_role("check"):
        for line in _passed_by_nan(cell) if "nan" not in cell.excused else ():
            raise SourceError(
                f"{lab.at(cell)}: check {cell.id!r}, line {line} of it: NaN passes a negated comparison. State what "
                'must hold (`require(x <= k, …)` for `require(not x > k, …)`), or say why it cannot be: excuse="nan: …"'
            )
        if "fixed" not in cell.excused and _is_fixed(lab, cell):
            raise SourceError(
                f"{lab.at(cell)}: check {cell.id!r} expects one constant, so a hard-coded value passes it. Draw its "
                'hidden input from seed() or a parameter and compute what to expect, or say why not: excuse="fixed: …"'
            )


def _passed_by_nan(cell: Cell) -> Iterator[int]:
    """Lines where a verdict rests on the negation of an order: `not x > k`, or `if x > k: raise`."""
    for node in ast.walk(parsed(cell.source)):
        for part in ast.walk(_condition(node) or ast.Pass()):
            if isinstance(part, ast.UnaryOp) and isinstance(part.op, ast.Not) and _orders(part.operand):
                yield part.lineno
        if isinstance(node, ast.If) and isinstance(node.body[0], ast.Raise) and _orders(node.test):
            yield node.lineno


def _orders(node: ast.expr) -> bool:
    parts = node.values if isinstance(node, ast.BoolOp) else [node]
    return any(isinstance(part, ast.Compare) and isinstance(part.ops[0], _ORDER) for part in parts)


def _condition(node: ast.AST) -> ast.expr | None:
    """What must be true for the check to go on, when `node` is an assert or a call of `require`."""
    if isinstance(node, ast.Assert):
        return node.test
    if isinstance(node, ast.Call) and dotted(node.func, {}) == "require" and node.args:
        return node.args[0]
    return None


def _is_fixed(lab: Lab, cell: Cell) -> bool:
    """Whether all that the check's hidden half (or all of it) asks for is one constant, whoever is graded."""
    tree = parsed(cell.source)
    lines = hidden_lines(cell.source) or range(len(cell.source))
    drawn = {"seed", "examine"}
    drawn |= {name for other in lab.cells if other.role == "parameters" for name in assigned_names(other.source)}
    if names_on(tree, lines) & derived(tree, drawn):
        return False
    wanted = [expectation for line, expectation in _expectations(tree) if line in lines]
    if any(expectation is None or not is_literal(expectation) for expectation in wanted):
        return False
    return len({ast.unparse(expectation) for expectation in wanted if expectation}) == 1


def _expectations(tree: ast.AST) -> Iterator[tuple[int, ast.expr | None]]:
    """What each verdict compares with, and its line; None where it is more than a comparison; no tests of form."""
    for node in ast.walk(tree):
        condition = _condition(node)
        if isinstance(node, ast.Call) and dotted(node.func, {}) == "expect":
            yield from ((node.lineno, value) for value in expected(node))
        elif isinstance(condition, ast.Compare) and isinstance(condition.ops[0], ast.Eq):
            yield condition.lineno, condition.comparators[0]
        elif condition is not None and not _is_form(condition):
            yield condition.lineno, None
        elif isinstance(node, (ast.Raise, ast.Expr)) and not _is_known(node):
            yield node.lineno, None


def expected(call: ast.Call) -> list[ast.expr]:
    """The expectation that a call of `expect` states."""
    return call.args[1:2] or [keyword.value for keyword in call.keywords if keyword.arg == "expected"]


def _is_known(node: ast.Raise | ast.Expr) -> bool:
    """Whether a statement judges nothing that this file does not see; a call for its effect may judge."""
    if isinstance(node, ast.Raise) or not isinstance(node.value, ast.Call):
        return isinstance(node, ast.Expr)
    return dotted(node.value.func, {}) in ("expect", "require")


def _is_form(condition: ast.expr) -> bool:
    """Whether a condition looks at the kind of a value only: that it is there, or of some type."""
    if isinstance(condition, ast.Compare):
        return isinstance(condition.ops[0], (ast.Is, ast.IsNot))
    return isinstance(condition, ast.Name) or "isinstance" in ast.unparse(condition)


def is_literal(node: ast.expr) -> bool:
    """Whether `node` is written out: a constant, or a container of constants."""
    try:
        ast.literal_eval(node)
    except (ValueError, TypeError):
        return False
    return True


def hidden_lines(source: str) -> set[int]:
    """The numbers of the lines of `source` between the marks of hidden tests, counted from 1."""
    inside, lines = False, set()
    for number, line in enumerate(source.split("\n"), start=1):
        if "### BEGIN HIDDEN TESTS" in line or "### END HIDDEN TESTS" in line:
            inside = "BEGIN" in line
        elif inside:
            lines.add(number)
    return lines
