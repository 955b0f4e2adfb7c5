"""Gates that set a candidate against the champion on the very same rows: beyond chance, and for everybody."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lib.errors import RegistryError
from lib.registry.contender import Contender, Gate
from lib.registry.entries import Evidence

Metric = Literal["rmse", "mae", "error_rate", "one_minus_f1"]
Numbers = NDArray[np.float64]
_DRAWN_AT_ONCE = 50_000  # row numbers of resamples: a few megabytes


def better_than_champion(
    rows: pd.DataFrame,
    target: str,
    *,
    metric: Metric | None = None,
    margin: float = 0.0,
    confidence: float = 0.95,
    resamples: int = 2_000,
    seed: int = 0,
) -> Gate:
    """Pass when the candidate's error is smaller by more than `margin`, a share of the champion's, beyond chance.

    gain = 1 − error(candidate) / error(champion), both on the same bootstrap resample of `rows`; passed when the lower
    end of its two-sided percentile interval at `confidence` lies above `margin`. So two equally good models pass in
    (1 − confidence) / 2 of all cases at most, not in half of them. `metric` is "rmse" for a numeric target, else
    "error_rate". Without a champion there is nothing to beat.
    """

    def better_than_champion(candidate: Contender, champion: Contender | None) -> Evidence:
        known, said = _labelled(rows, target)
        measured: dict[str, Any] = {
            "metric": metric or _default_metric(said),
            "rows": len(known),
            "digest": row_digest(known),
        }
        threshold = {"gain_above": margin, "confidence": confidence}
        name, mine = "better_than_champion", answers(candidate, known)
        if champion is None:
            score = _METRICS[measured["metric"]]
            measured["candidate"] = score.error(score.parts(said, mine).mean(axis=0))
            return Evidence(id=name, passed=True, measured=measured, threshold=threshold, reason="there is no champion")
        found = paired_gain(
            said, mine, answers(champion, known),
            metric=metric, confidence=confidence, resamples=resamples, seed=seed,
        )  # fmt: skip
        measured |= asdict(found)
        return Evidence(
            id=name,
            passed=found.low > margin,
            measured=measured,
            threshold=threshold,
            reason=f"gain {found.gain:+.2%}, {confidence:.0%} interval {found.low:+.2%} to {found.high:+.2%}, "
            f"{'above' if found.low > margin else 'not above'} the margin of {margin:.2%}",
        )

    return better_than_champion


@dataclass(frozen=True, kw_only=True)
class Gain:
    """Two errors on the same rows, the share of the champion's that the candidate is spared, and its interval."""

    candidate: float
    champion: float
    gain: float
    low: float
    high: float


def paired_gain(
    said: NDArray[Any],
    candidate: NDArray[Any],
    champion: NDArray[Any],
    *,
    metric: Metric | None = None,
    confidence: float = 0.95,
    resamples: int = 2_000,
    seed: int = 0,
) -> Gain:
    """The candidate's answers set against the champion's on the same rows, whose targets are `said`; one entry a row.

    gain = 1 − error(candidate) / error(champion), its interval from bootstrap resamples of the rows, the same for both.
    Raises RegistryError when an answer is no finite number.
    """
    score = _METRICS[metric or _default_metric(said)]
    mine, theirs = score.parts(said, candidate), score.parts(said, champion)
    gains = _resampled_gains(score, mine, theirs, resamples=resamples, seed=seed)
    low, high = np.quantile(gains, [(1 - confidence) / 2, (1 + confidence) / 2])
    errors = {"candidate": score.error(mine.mean(axis=0)), "champion": score.error(theirs.mean(axis=0))}
    return Gain(**errors, gain=_gain(errors["candidate"], errors["champion"]), low=float(low), high=float(high))


def no_slice_worse(
    rows: pd.DataFrame,
    target: str,
    *,
    by: str | Sequence[str],
    tolerance: float,
    min_rows: int = 30,
    metric: Metric | None = None,
) -> Gate:
    """Pass when in no slice of `rows` the candidate's error exceeds the champion's by more than the share `tolerance`.

    A slice is one value (or combination) of the columns `by`, missing ones included; slices below `min_rows` are named
    and not judged, and when none is left to judge, the gate fails. Without a champion no slice can be worse.
    """
    columns = [by] if isinstance(by, str) else list(by)

    def no_slice_worse(candidate: Contender, champion: Contender | None) -> Evidence:
        known, said = _labelled(rows, target)
        threshold = {"worse_by_at_most": tolerance, "min_rows": min_rows}
        if champion is None:
            return Evidence(id="no_slice_worse", passed=True, threshold=threshold, reason="there is no champion")
        score = _METRICS[metric or _default_metric(said)]
        mine, theirs = (score.parts(said, answers(side, known)) for side in (candidate, champion))
        worse, small = {}, []
        for value, places in known.groupby(columns, dropna=False, observed=True).indices.items():
            label = ", ".join(str(part) for part in (value if isinstance(value, tuple) else (value,)))
            if len(places) < min_rows:
                small.append(label)
            else:
                worse[label] = -_gain(score.error(mine[places].mean(axis=0)), score.error(theirs[places].mean(axis=0)))
        failed = [label for label, share in worse.items() if not share <= tolerance]
        return Evidence(
            id="no_slice_worse",
            passed=bool(worse) and not failed,
            measured={"worse_by": worse, "too_small": small, "rows": len(known), "digest": row_digest(known)},
            threshold=threshold,
            reason=_slices_in_words(worse, failed, tolerance) if worse else f"no slice has {min_rows} rows",
        )

    return no_slice_worse


def _slices_in_words(worse: dict[str, float], failed: list[str], tolerance: float) -> str:
    worst = max(worse, key=worse.__getitem__)
    beyond = f"{len(failed)} of {len(worse)} slices beyond {tolerance:.1%}"
    return f"worst is {worst}, its error {worse[worst]:+.1%}; {beyond}"


def answers(side: Contender, rows: pd.DataFrame) -> NDArray[Any]:
    """What a version answers for `rows`, given the inputs that its signature names."""
    if side.signature is None or side.signature.inputs is None or not side.signature.inputs.has_input_names():
        raise RegistryError(f"version {side.version} has no signature that names its inputs. Log it with one.")
    names = side.signature.inputs.input_names()
    missing = [name for name in names if name not in rows.columns]
    if missing:
        raise RegistryError(f"the rows lack {', '.join(map(str, missing))}, which version {side.version} needs.")
    return np.asarray(side.model.predict(rows[names]))


def row_digest(rows: pd.DataFrame) -> str:
    """`sha256:…` over every value, in the order of the rows; the order of the columns does not matter.

    >>> frame = pd.DataFrame({"a": [1, 2], "b": ["x", "y"]})
    >>> row_digest(frame) == row_digest(frame[["b", "a"]]), row_digest(frame) == row_digest(frame[::-1])
    (True, False)
    """
    ordered = rows[sorted(rows.columns, key=str)]
    total = hashlib.sha256(repr([str(name) for name in ordered.columns]).encode())
    total.update(pd.util.hash_pandas_object(ordered, index=False).to_numpy().tobytes())
    return f"sha256:{total.hexdigest()}"


class _Score:
    """An error that is a function of the means of some numbers a row, so that resampling needs those alone."""

    def __init__(self, parts: Callable[[Any, Any], list[Any]], error: Callable[[Any], float]) -> None:
        self._parts, self._error = parts, error

    def parts(self, said: NDArray[Any], answer: NDArray[Any]) -> Numbers:
        """Shape (rows, numbers a row); raises RegistryError when an answer is no finite number."""
        found = np.column_stack([np.asarray(part, dtype=float) for part in self._parts(said, answer)])
        if not np.isfinite(found).all():
            raise RegistryError(
                f"{int((~np.isfinite(found)).any(axis=1).sum())} of {len(found)} answers are not finite."
            )
        return found

    def error(self, means: Numbers) -> float:
        """The error for those means; 0 is best."""
        return float(self._error(means))


_METRICS: dict[str, _Score] = {
    "rmse": _Score(lambda said, answer: [(said - answer) ** 2], lambda means: np.sqrt(means[0])),
    "mae": _Score(lambda said, answer: [np.abs(said - answer)], lambda means: means[0]),
    "error_rate": _Score(lambda said, answer: [said != answer], lambda means: means[0]),
    # F1 = 2 TP / (2 TP + FP + FN) of the class that counts as true.
    "one_minus_f1": _Score(
        lambda said, answer: [said.astype(bool) & answer.astype(bool), said.astype(bool) != answer.astype(bool)],
        lambda means: 1 - 2 * means[0] / (2 * means[0] + means[1]) if means.any() else 0.0,
    ),
}


def _default_metric(said: NDArray[Any]) -> Metric:
    return "rmse" if np.issubdtype(said.dtype, np.number) else "error_rate"


def _labelled(rows: pd.DataFrame, target: str) -> tuple[pd.DataFrame, NDArray[Any]]:
    """The rows and their targets; raises RegistryError for a target that is missing anywhere."""
    if target not in rows.columns:
        raise RegistryError(f"the rows have no column {target!r}.")
    missing = int(rows[target].isna().sum())
    if missing or rows.empty:
        raise RegistryError(
            f"{target!r} is missing in {missing} of {len(rows)} rows. Compare on rows with known targets."
        )
    said = rows[target].to_numpy()
    if said.dtype == object and isinstance(said[0], (bool, np.bool_)):
        said = said.astype(bool)
    return rows, said


def _gain(candidate: float, champion: float) -> float:
    """The share of the champion's error that the candidate is spared.

    >>> _gain(75.0, 100.0), _gain(0.0, 0.0)
    (0.25, 0.0)
    """
    if champion == 0:
        return 0.0 if candidate == 0 else -np.inf
    return 1 - candidate / champion


def _resampled_gains(score: _Score, mine: Numbers, theirs: Numbers, *, resamples: int, seed: int) -> Numbers:
    draws = np.random.default_rng(seed)
    both, width = np.hstack([mine, theirs]), mine.shape[1]
    gains: list[float] = []
    while len(gains) < resamples:
        # The same rows for both: what they share in luck cancels.
        some = min(resamples - len(gains), -(-_DRAWN_AT_ONCE // len(both)))
        means = both[draws.integers(len(both), size=(some, len(both)))].mean(axis=1)
        gains += [_gain(score.error(row[:width]), score.error(row[width:])) for row in means]
    return np.array(gains)
