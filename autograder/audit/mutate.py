"""Mutants of a task's solution: small faults that a good check notices, made by cosmic-ray's operators."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from cosmic_ray.mutating import mutate_code
from cosmic_ray.operators.provider import OperatorProvider

from autograder.models import Cell
from autograder.names import plain_python
from autograder.source import BEGIN_SOLUTION, END_SOLUTION

_PROVIDER = OperatorProvider()
# The two that replace variables put random numbers in their place: no two audits would agree.
OPERATORS = tuple(name for name in _PROVIDER if not name.startswith("Variable"))


@dataclass(frozen=True)
class Mutant:
    """One changed solution: `source` is the whole cell, `before` and `after` its changed lines, `line` their place."""

    task: str
    operator: str
    line: int
    before: str
    after: str
    source: str
    diff: str


def operator_mutants(cell: Cell) -> Iterator[Mutant]:
    """Every mutant that cosmic-ray's operators make inside the solution region of `cell`."""
    for operator in OPERATORS:
        occurrence = 0
        while (source := mutate_code(cell.source, _PROVIDER[operator](), occurrence)) is not None:
            occurrence += 1
            if (made := mutant(cell, operator, source)) is not None:
                yield made


def mutant(cell: Cell, operator: str, source: str) -> Mutant | None:
    """The mutant that turns the text of `cell` into `source`; None when it changes a line outside the solution."""
    old, new = cell.source.split("\n"), source.split("\n")
    changes = [c for c in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes() if c[0] != "equal"]
    inside = solution_lines(cell)
    if not changes or not all(set(range(start, end)) <= inside for _, start, end, _, _ in changes):
        return None
    (_, start, _, new_start, _), (_, _, end, _, new_end) = changes[0], changes[-1]
    diff = difflib.unified_diff(old, new, f"a/{cell.id}", f"b/{cell.id}", lineterm="", n=1)
    return Mutant(
        task=cell.id,
        operator=operator,
        line=cell.line + 1 + start,
        before="\n".join(old[start:end]),
        after="\n".join(new[new_start:new_end]),
        source=source,
        diff="\n".join(diff),
    )


def distinct(cell: Cell, mutants: Iterable[Mutant]) -> list[Mutant]:
    """Without mutants that are not Python, that read as the solution does, or that read as an earlier one does."""
    seen = {_form(cell.source)}
    kept = []
    for made in mutants:
        form = _form(made.source)
        if form is not None and form not in seen:
            seen.add(form)
            kept.append(made)
    return kept


def solution_lines(cell: Cell) -> set[int]:
    """The line numbers, from 0, of the text between the cell's solution marks."""
    inside, found = False, set()
    for number, line in enumerate(cell.source.split("\n")):
        if line.strip() in (BEGIN_SOLUTION, END_SOLUTION):
            inside = line.strip() == BEGIN_SOLUTION
        elif inside:
            found.add(number)
    return found


def _form(source: str) -> str | None:
    try:
        return ast.dump(ast.parse(plain_python(source)))
    except SyntaxError:
        return None
