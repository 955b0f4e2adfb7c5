"""The lifecycle: one table of the legal moves and what each demands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from lib.errors import IllegalMove
from lib.registry.entries import Stage, Transition

Demand = Literal["a fit run", "passed gates", "an approval", "a reason"]


@dataclass(frozen=True)
class Move:
    """A step that `promote` may take, what it demands, and why it is there."""

    source: Stage
    target: Stage
    demands: frozenset[Demand]
    purpose: str


_CHECKED: frozenset[Demand] = frozenset({"a fit run", "passed gates"})
# Archived → Production is no move of `promote`: only `rollback` brings a former champion back without a new approval.
MOVES = (
    Move("None", "Staging", _CHECKED, "try it where it does no harm"),
    Move("None", "Archived", frozenset(), "give it up untried"),
    Move("Staging", "Production", _CHECKED | {"an approval"}, "let it answer"),
    Move("Staging", "Archived", frozenset(), "give it up"),
    Move("Production", "Archived", frozenset({"a reason"}), "withdraw it; nothing answers until the next promotion"),
    Move("Archived", "Staging", _CHECKED, "try it again, by today's gates"),
)


def require_move(entry: Transition, target: str) -> Move:
    """The move of the version whose last entry is `entry` to `target`; raises IllegalMove naming the legal ones."""
    stage, what = entry.to_stage, f"version {entry.version} of {entry.name}"
    if target == stage:
        raise IllegalMove(f"{what} is in {stage} already (entry {entry}). There is nothing to do.")
    legal = [move for move in MOVES if move.source == stage]
    for move in legal:
        if move.target == target:
            return move
    known = "" if target in get_args(Stage) else f"There is no stage {target!r}. "
    raise IllegalMove(
        f"{known}{what} is in {stage}, and from there it may go to {' or '.join(move.target for move in legal)}, "
        f"not to {target}. Only rollback brings a former champion straight back to Production."
    )
