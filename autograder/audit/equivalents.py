"""Mutants that change nothing that anybody could see: declared in the source, each with a reason to check.

A comment in the solution region (students never get it), above the line that it speaks of:

    # equivalent: ReplaceComparisonOperator_Gt_GtE `>= 0.97`: no correlation of real prices is exactly 0.97
    if correlation > 0.97:

It covers mutants whose operator begins with the named one and whose changed line holds the quoted text, which the
line itself does not.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from autograder.audit.mutate import Mutant, solution_lines
from autograder.errors import SourceError
from autograder.models import Cell

_FORM = re.compile(r"# equivalent: (\w+) `([^`]+)`: (\S.+)")


@dataclass(frozen=True)
class Equivalent:
    """One declaration: `line` is the code that it speaks of, `written` the piece that the mutant puts there."""

    operator: str
    written: str
    reason: str
    line: str

    def covers(self, mutant: Mutant) -> bool:
        return (
            mutant.operator.startswith(self.operator)
            and mutant.before.strip() == self.line
            and self.written in mutant.after
            and self.written not in mutant.before
        )


def declared_equivalents(cell: Cell) -> list[Equivalent]:
    """The declarations in the solution of `cell`; SourceError on one that cannot be read."""
    lines = cell.source.split("\n")
    found = []
    for number in sorted(solution_lines(cell)):
        text = lines[number].strip()
        if not text.startswith("# equivalent"):
            continue
        parts = _FORM.fullmatch(text)
        if parts is None:
            raise SourceError(f"{cell.id}: write `# equivalent: Operator `changed text`: reason`; got {text!r}")
        code = next((line.strip() for line in lines[number + 1 :] if not line.strip().startswith("#")), "")
        found.append(Equivalent(parts[1], parts[2], parts[3], code))
    return found
