"""Smoke tests: the few questions that a fresh server must answer rightly, over HTTP, before anybody relies on it."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

import httpx
from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

from lib.delivery.bad_requests import bad_requests, named_faults
from lib.errors import DeliveryError

Row = dict[str, JsonValue]
Outcome = Literal["passed", "failed", "skipped"]
WARM_UP_CALLS = 3


class Golden(BaseModel):
    """A row, and between which two numbers (both inclusive) its prediction must lie."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    row: Row = Field(min_length=1)
    low: float
    high: float


class Expected(BaseModel):
    """What a good release does; JSON in and out, so that it can travel with the version.

    `model_version` None accepts any. `latency_p95_ms` bounds 95 % of `calls` requests of one row, one after the other.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    golden: tuple[Golden, ...] = Field(min_length=2)
    model_version: int | None = None
    latency_p95_ms: float = Field(default=250.0, gt=0)
    calls: int = Field(default=20, ge=20)

    @model_validator(mode="after")
    def _same_inputs(self) -> Expected:
        first = sorted(self.golden[0].row)
        for number, each in enumerate(self.golden):
            if sorted(each.row) != first:
                raise ValueError(f"golden row {number} has the inputs {sorted(each.row)}, the first one has {first}.")
            if not each.low <= each.high:
                raise ValueError(f"golden row {number} asks for {each.low} to {each.high}. Swap the two ends.")
        return self


class SmokeCheck(BaseModel):
    """One question and how the server did: `reason` says what was found, in either case."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    outcome: Outcome
    reason: str


class SmokeReport(BaseModel):
    """All that was asked of the server at `url`; a skipped check is one that a failed one before it made pointless."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str
    checks: tuple[SmokeCheck, ...]

    @property
    def passed(self) -> bool:
        """Whether every check passed."""
        return all(check.outcome == "passed" for check in self.checks)

    @property
    def failures(self) -> str:
        """What failed and why, in one line; empty when nothing did."""
        return "; ".join(f"{check.name}: {check.reason}" for check in self.checks if check.outcome == "failed")

    def __str__(self) -> str:
        return "\n".join(f"{check.outcome:8}{check.name:11}{check.reason}" for check in self.checks)


def golden_answers(rows: Iterable[Row], answers: Iterable[float], *, tolerance: float = 1e-6) -> tuple[Golden, ...]:
    """Rows with what this very version answered where it was trained, give or take the share `tolerance`.

    They show that the server predicts as the model does. Being the version's own, they block no better model.

    >>> golden_answers([{"area_m2": 80.0}], [200.0], tolerance=0.01)[0].high
    202.0
    """
    return _golden(rows, answers, tolerance)


def golden_prices(rows: Iterable[Row], prices: Iterable[float], *, share: float = 0.6) -> tuple[Golden, ...]:
    """Rows with what they really sold for, give or take `share`: wide enough for any sound model, not for a broken one.

    >>> golden_prices([{"area_m2": 80.0}], [200.0], share=0.5)[0].low
    100.0
    """
    return _golden(rows, prices, share)


def _golden(rows: Iterable[Row], values: Iterable[float], share: float) -> tuple[Golden, ...]:
    return tuple(
        Golden(row=row, low=value - share * abs(value), high=value + share * abs(value))
        for row, value in zip(rows, values, strict=True)
    )


def read_expected(path: Path) -> Expected:
    """What is expected, from its JSON or from a record that holds it under `expected`, as the pipeline's last one does.

    Raises DeliveryError when the file is neither.
    """
    try:
        content = json.loads(path.read_text("utf-8"))
        return Expected.model_validate(content.get("expected", content))
    except (OSError, ValueError, AttributeError) as error:
        words = " ".join(str(error).split())
        raise DeliveryError(f"{path} does not say what to expect: {words:.300}. Name a file that does.") from error


def smoke(base_url: str, expected: Expected, *, timeout_s: float = 5.0) -> SmokeReport:
    """Ask the server at `base_url` for its health, schema and predictions, good and bad, and how quickly it answers.

    Every request ends within `timeout_s`; nothing is tried again and nothing is raised, whatever the server does.
    Checks: health (200 with a version), version, schema (the published one takes the golden rows and no incomplete
    one), golden (each prediction in its range, and not all the same), bad input (a 4xx with field and reason), latency.
    """
    checks: list[SmokeCheck] = []
    with httpx.Client(base_url=base_url, timeout=timeout_s, trust_env=False) as client:
        for name, check in _CHECKS.items():
            if checks and checks[0].outcome == "failed":
                checks.append(SmokeCheck(name=name, outcome="skipped", reason="the server is not healthy"))
            else:
                checks.append(_run(name, check, client, expected))
    return SmokeReport(url=base_url, checks=tuple(checks))


class _Failed(Exception):
    """What is wrong, in words."""


def _run(name: str, check: Callable[[httpx.Client, Expected], str], client: httpx.Client, want: Expected) -> SmokeCheck:
    try:
        return SmokeCheck(name=name, outcome="passed", reason=check(client, want))
    except _Failed as failed:
        reason = str(failed)
    except httpx.TimeoutException:
        reason = f"no answer within {client.timeout.read:g} s"
    except httpx.HTTPError as error:
        reason = f"no answer: {str(error) or type(error).__name__}"
    return SmokeCheck(name=name, outcome="failed", reason=reason)


def _health(client: httpx.Client, _expected: Expected) -> str:
    state = _json(client.get("/health"))
    version = state.get("model_version")
    if version is None:
        raise _Failed(f"/health says 200 and names no model version: {state}")
    return f"version {version} is ready"


def _version(client: httpx.Client, expected: Expected) -> str:
    said = _json(client.get("/health")).get("model_version")
    answered = _predict(client, expected.golden[0].row)[1]
    if said != answered:
        raise _Failed(f"/health says version {said}, and a prediction says version {answered}")
    if expected.model_version is not None and said != expected.model_version:
        raise _Failed(f"version {said} answers, and {expected.model_version} was to be released")
    return f"version {said} answers and says so"


def _schema(client: httpx.Client, expected: Expected) -> str:
    from jsonschema import Draft202012Validator

    document = _json(client.get("/openapi.json"))
    try:
        body = document["paths"]["/predict"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    except (KeyError, TypeError) as error:
        raise _Failed(f"/openapi.json does not say what POST /predict takes (no {error})") from error
    published = Draft202012Validator({"allOf": [body], "components": document.get("components", {})})
    for number, each in enumerate(expected.golden):
        refused = next(published.iter_errors(each.row), None)
        if refused is not None:
            raise _Failed(f"the published schema refuses golden row {number}: {refused.message:.200}")
    row = expected.golden[0].row
    optional = [name for name in row if published.is_valid({key: row[key] for key in row if key != name})]
    if optional:
        raise _Failed(f"the published schema takes rows without {', '.join(optional)}")
    return f"it asks for the {len(row)} inputs of the golden rows"


def _golden_answers(client: httpx.Client, expected: Expected) -> str:
    answers = [_predict(client, each.row)[0] for each in expected.golden]
    outside = [
        f"row {number}: {answer:,.6g} is not within {each.low:,.6g} to {each.high:,.6g}"
        for number, (each, answer) in enumerate(zip(expected.golden, answers, strict=True))
        if not each.low <= answer <= each.high
    ]
    if outside:
        raise _Failed(f"{len(outside)} of {len(answers)} predictions are off; {outside[0]}")
    if len(set(answers)) == 1:
        raise _Failed(f"all {len(answers)} different rows get the same answer, {answers[0]:,.6g}")
    return f"{len(answers)} predictions lie where they should"


def _bad_input(client: httpx.Client, expected: Expected) -> str:
    asked = bad_requests(expected.golden[0].row)
    for bad in asked:
        answer = client.post("/predict", content=bad.body, headers={"content-type": "application/json"})
        if not 400 <= answer.status_code < 500:
            raise _Failed(f"{bad.what} got {answer.status_code}, not a 4xx: {answer.text:.120}")
        if bad.field is not None and not named_faults(answer).get(bad.field):
            raise _Failed(
                f"{bad.what} got {answer.status_code} without field and reason ({bad.field}): {answer.text:.120}"
            )
    return f"{len(asked)} bad requests got a 4xx with field and reason"


def _latency(client: httpx.Client, expected: Expected) -> str:
    limit, row = expected.latency_p95_ms, expected.golden[0].row
    for _ in range(WARM_UP_CALLS):
        _predict(client, row)
    took_ms: list[float] = []
    spare = expected.calls // 20
    for _ in range(expected.calls):
        started = time.perf_counter()
        _predict(client, row)
        took_ms.append((time.perf_counter() - started) * 1000)
        slow = [each for each in took_ms if each > limit]
        if len(slow) > spare:
            raise _Failed(f"{len(slow)} of {len(took_ms)} calls took more than {limit:g} ms (e.g. {slow[-1]:.0f} ms)")
    return f"p95 {sorted(took_ms)[math.ceil(0.95 * len(took_ms)) - 1]:.1f} ms over {len(took_ms)} calls"


_CHECKS: dict[str, Callable[[httpx.Client, Expected], str]] = {
    "health": _health,
    "version": _version,
    "schema": _schema,
    "golden": _golden_answers,
    "bad input": _bad_input,
    "latency": _latency,
}


def _predict(client: httpx.Client, row: Mapping[str, Any]) -> tuple[float, Any]:
    """The prediction for one row, and the version that says it made it."""
    body = _json(client.post("/predict", json=row))
    answers = body.get("predictions", [body.get("prediction")])
    if not isinstance(answers, list) or len(answers) != 1:
        raise _Failed(f"one row was sent, and the answer is {str(body)[:120]}")
    answer = answers[0]
    if not isinstance(answer, (int, float)) or not math.isfinite(answer):
        raise _Failed(f"the prediction is {answer!r}, which is no finite number")
    return float(answer), body.get("model_version")


def _json(answer: httpx.Response) -> dict[str, Any]:
    where = f"{answer.request.method} {answer.request.url.path}"
    if answer.status_code != 200:
        raise _Failed(f"{where} got {answer.status_code}: {answer.text:.120}")
    try:
        content = answer.json()
    except ValueError as error:
        raise _Failed(f"{where} got no JSON: {answer.text:.120}") from error
    if not isinstance(content, dict):
        raise _Failed(f"{where} got no JSON object: {answer.text:.120}")
    return content
