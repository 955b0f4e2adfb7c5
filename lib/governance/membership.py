"""How well a model's answers tell the rows that it learnt from: the gap by which an attacker wins, and a gate on it.

The attack is that of Yeom and others, *Privacy Risk in Machine Learning* (2018): whoever knows a house and its price
asks for it, and says "it was among the training rows" when the answer is nearer than some bound. The advantage is the
share of members found less the share of others taken for members, at the best bound: 0 tells nothing, 1 everything. It
is a property of the answers: rounding them to 10,000 EUR changed nothing in ours, and leaves of five rows halved it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lib.errors import LibError, PrivacyError, RegistryError
from lib.registry import Contender, Evidence, Gate
from lib.registry.comparison import answers
from lib.registry.training_rows import rows_of_run, training_rows
from lib.tracking.read import artifact_file
from lib.tracking.training import Recipe

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import ArrayLike, NDArray


def membership_advantage(members: ArrayLike, others: ArrayLike) -> float:
    """The advantage of the best bound, given by how far the answers were off (or by any other loss) for both.

    With n rows each and nothing to tell, chance alone gives about 1.2 / √n. Raises PrivacyError without rows.

    >>> membership_advantage([1.0, 1.0, 3.0, 6.0], [2.0, 4.0, 5.0, 7.0])  # two members below 2, and nobody else
    0.5
    """
    inside, outside = np.sort(np.asarray(members, dtype=float)), np.sort(np.asarray(others, dtype=float))
    if not len(inside) or not len(outside):
        raise PrivacyError("there are no rows on one side, so nobody knows what the answers tell. Give some of both.")
    bounds = np.concatenate([inside, outside])
    found = np.searchsorted(inside, bounds, side="right") / len(inside)
    mistaken = np.searchsorted(outside, bounds, side="right") / len(outside)
    return max(float(np.max(found - mistaken)), 0.0)


def tells_few_members(*, most: float) -> Gate:
    """A gate: pass when the advantage on training rows against test rows is at most `most`.

    Where the rows were divided by time, the test rows are newer and harder for that reason as well: the figure is a
    bound from above then.
    """

    def tells_few_members(candidate: Contender, _champion: Contender | None) -> Evidence:
        try:
            found = _measured(candidate)
        except LibError as error:
            return Evidence(id="tells_few_members", passed=False, threshold=most, reason=f"not measured: {error}")
        reason = f"whoever knows a row tells by its answer whether it was learnt from, with an advantage of {found:.2f}"
        return Evidence(id="tells_few_members", passed=found <= most, measured=found, threshold=most, reason=reason)

    return tells_few_members


def _measured(candidate: Contender) -> float:
    recipe = artifact_file(candidate.stores.client, candidate.run_id, "recipe/recipe.json")
    if recipe is None:
        raise RegistryError(f"run {candidate.run_id} records no recipe, so its target is unknown.")
    target = Recipe.from_json(recipe.read_text("utf-8")).target
    others = rows_of_run(candidate.run_id, "test", settings=candidate.stores.settings)
    return membership_advantage(*(_losses(candidate, rows, target) for rows in (training_rows(candidate), others)))


def _losses(candidate: Contender, rows: pd.DataFrame, target: str) -> NDArray[Any]:
    """How far each answer is off; for labels, whether it is wrong."""
    said, true = answers(candidate, rows), rows[target].to_numpy()
    off: NDArray[Any] = np.abs(said - true) if said.dtype.kind == "f" else (said != true).astype(float)
    return off
