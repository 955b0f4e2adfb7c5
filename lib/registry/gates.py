"""The gates that come with the registry; any callable `gate(candidate, champion) -> Evidence` is one more."""

from __future__ import annotations

import os
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from lib.errors import LibError, RegistryError
from lib.registry.artifact import digest
from lib.registry.comparison import answers, better_than_champion, no_slice_worse, row_digest
from lib.registry.contender import Contender, Gate
from lib.registry.entries import Evidence
from lib.registry.training_rows import training_rows
from lib.settings import SQLITE
from lib.store import prepare_store
from lib.tracking.read import model_folder

if TYPE_CHECKING:
    from mlflow.models import EvaluationResult, MetricThreshold

__all__ = [
    "artifact_digest",
    "better_than_champion",
    "disjoint_rows",
    "latency_p95",
    "mlflow_thresholds",
    "no_slice_worse",
    "signature_compatible",
]

WARM_UP_CALLS = 5
LEAST_CALLS = 20
# What MLflow itself converts without loss when a client sends the champion's types.
_WIDER = {"integer": {"long", "double"}, "float": {"double"}}


def artifact_digest() -> Gate:
    """Pass when the candidate's files are those that were registered; nothing is deserialised."""

    def artifact_digest(candidate: Contender, _champion: Contender | None) -> Evidence:
        found = digest(model_folder(candidate.location))
        same = found == candidate.digest
        reason = f"the files are {'those' if same else 'not those'} that were registered"
        return Evidence(id="artifact_digest", passed=same, measured=found, threshold=candidate.digest, reason=reason)

    return artifact_digest


def signature_compatible() -> Gate:
    """Pass when whoever calls the champion can call the candidate with the same rows and read its answers."""

    def signature_compatible(candidate: Contender, champion: Contender | None) -> Evidence:
        problems = _without_names(candidate)
        if champion is not None and not problems:
            problems = _without_names(champion) or _call_problems(candidate, champion)
        return Evidence(
            id="signature_compatible",
            passed=not problems,
            measured=str(candidate.signature),
            threshold=None if champion is None else str(champion.signature),
            reason="; ".join(problems) or ("there is no champion" if champion is None else "same inputs and outputs"),
        )

    return signature_compatible


def latency_p95(rows: pd.DataFrame, *, limit_ms: float, repeats: int = 200) -> Gate:
    """Pass when 95 % of the candidate's answers to one row each take at most `limit_ms`, measured here and now.

    `repeats` calls (20 at least) go through `rows` in turn, after five that do not count. It is the model alone, on
    this machine: without network, queue or other load.
    """
    if repeats < LEAST_CALLS or rows.empty:
        raise RegistryError(f"a p95 needs {LEAST_CALLS} calls and some rows; these are {repeats} on {len(rows)} rows.")

    def latency_p95(candidate: Contender, _champion: Contender | None) -> Evidence:
        single = [rows.iloc[[place % len(rows)]] for place in range(WARM_UP_CALLS + repeats)]
        took_ms = []
        for row in single:
            started = time.perf_counter()
            answers(candidate, row)
            took_ms.append((time.perf_counter() - started) * 1000)
        p50, p95 = np.quantile(took_ms[WARM_UP_CALLS:], [0.5, 0.95], method="higher")
        return Evidence(
            id="latency_p95",
            passed=p95 <= limit_ms,
            measured={"p95_ms": p95, "p50_ms": p50, "calls": repeats},
            threshold={"p95_ms": limit_ms},
            reason=f"p95 {p95:.2f} ms over {repeats} calls, limit {limit_ms:g} ms",
        )

    return latency_p95


def disjoint_rows(rows: pd.DataFrame, key: str | Sequence[str]) -> Gate:
    """Pass when none of `rows`, told apart by the columns `key`, was in the training rows of candidate or champion.

    The training rows are made again from the data version and the recipe that `track` recorded. When they cannot be
    had, or lack the key, nothing is proven and the gate fails.
    """
    columns = [key] if isinstance(key, str) else list(key)

    def disjoint_rows(candidate: Contender, champion: Contender | None) -> Evidence:
        wanted = _keys(rows, columns, "the evaluation rows")
        shared, problems = {}, []
        for side in (candidate, *([champion] if champion else [])):
            label = f"version {side.version}"
            try:
                known = _keys(training_rows(side), columns, f"the training rows of {label}")
                shared[label] = len(wanted & known)
            except LibError as error:
                problems.append(f"{label}: {error}")
        problems += [f"{count} of {len(wanted)} rows trained {label}" for label, count in shared.items() if count]
        return Evidence(
            id="disjoint_rows",
            passed=not problems,
            measured={"shared_rows": shared, "rows": len(rows), "digest": row_digest(rows)},
            threshold={"shared_rows": 0},
            reason="; ".join(problems) or "no evaluation row was trained on",
        )

    return disjoint_rows


def mlflow_thresholds(
    rows: pd.DataFrame,
    target: str,
    thresholds: Mapping[str, MetricThreshold],
    *,
    model_type: Literal["regressor", "classifier"] = "regressor",
) -> Gate:
    """MLflow's own `evaluate` and `validate_evaluation_results` on `rows`, as a gate; it compares point estimates only.

    With a champion, both sides are evaluated on these rows. Without one, a demanded change cannot be shown, and fails.
    """

    def mlflow_thresholds(candidate: Contender, champion: Contender | None) -> Evidence:
        from mlflow.models.evaluation.validation import (
            ModelValidationFailedException,
            validate_evaluation_results,
        )

        with _scratch_tracking():
            mine = _evaluated(candidate, rows, target, model_type)
            theirs = None if champion is None else _evaluated(champion, rows, target, model_type)
        measured: dict[str, Any] = {"candidate": {name: mine.metrics.get(name) for name in thresholds}}
        if theirs is not None:
            measured["champion"] = {name: theirs.metrics.get(name) for name in thresholds}
        passed, reason = True, "every threshold is met"
        try:
            validate_evaluation_results(dict(thresholds), mine, theirs)
        except ModelValidationFailedException as error:
            passed, reason = False, error.message
        return Evidence(
            id="mlflow_thresholds",
            passed=passed,
            measured={**measured, "rows": len(rows), "digest": row_digest(rows)},
            threshold={name: str(threshold) for name, threshold in thresholds.items()},
            reason=reason,
        )

    return mlflow_thresholds


def _evaluated(side: Contender, rows: pd.DataFrame, target: str, model_type: str) -> EvaluationResult:
    from mlflow.models.evaluation import evaluate

    answered = pd.DataFrame({"target": rows[target].to_numpy(), "answer": answers(side, rows)})
    config = {"log_model_explainability": False}
    done: EvaluationResult = evaluate(  # type: ignore[no-untyped-call]
        data=answered,
        targets="target",
        predictions="answer",
        model_type=model_type,
        evaluators="default",
        evaluator_config=config,
    )
    return done


_scratch_turn = threading.Lock()


@contextmanager
def _scratch_tracking() -> Iterator[None]:
    """MLflow evaluates only into a run of its global store: give it one that is thrown away, and take it back after."""
    import mlflow

    with _scratch_turn, tempfile.TemporaryDirectory() as folder:
        uri, before = f"{SQLITE}{Path(folder).resolve() / 'mlflow.db'}", os.environ.get("MLFLOW_TRACKING_URI")
        prepare_store(uri)
        mlflow.set_tracking_uri(uri)
        try:
            with mlflow.start_run(experiment_id="0", nested=True):
                yield
        finally:
            mlflow.set_tracking_uri(None)  # type: ignore[arg-type]  # as its own context manager does
            # MLflow reads it where no URI was set, and takes it away with its own.
            if before is not None:
                os.environ["MLFLOW_TRACKING_URI"] = before


def _without_names(side: Contender) -> list[str]:
    signature = side.signature
    if signature is None or signature.inputs is None or not signature.inputs.has_input_names():
        return [f"version {side.version} has no signature that names its inputs"]
    return []


def _call_problems(candidate: Contender, champion: Contender) -> list[str]:
    known = {spec.name: spec for spec in champion.signature.inputs.inputs}  # type: ignore[union-attr]
    problems = []
    for spec in candidate.signature.inputs.inputs:  # type: ignore[union-attr]
        old = known.get(spec.name)
        if old is None:
            if spec.required:
                problems.append(f"it needs {spec.name}, which callers of version {champion.version} do not send")
            continue
        before, now = _type(old), _type(spec)
        if now != before and now not in _WIDER.get(before, set()):
            problems.append(f"{spec.name} was {before} and is {now}")
        if spec.required and not old.required:
            problems.append(f"{spec.name} was optional and is required")
    theirs, mine = _outputs(champion), _outputs(candidate)
    if theirs != mine:
        problems.append(f"its output is {mine}, and that of version {champion.version} is {theirs}")
    return problems


def _outputs(side: Contender) -> list[tuple[str | None, str]]:
    outputs = side.signature.outputs if side.signature else None
    return [(spec.name, _type(spec)) for spec in outputs.inputs] if outputs else []


def _type(spec: Any) -> str:
    return str(getattr(spec.type, "name", spec.type))


def _keys(rows: pd.DataFrame, columns: Sequence[str], what: str) -> set[Any]:
    missing = [name for name in columns if name not in rows.columns]
    if missing:
        raise RegistryError(f"{what} have no column {', '.join(missing)}, by which rows are told apart.")
    return set(rows[list(columns)].itertuples(index=False, name=None))
