"""Smoke tests over HTTP: the real server passes; each kind of broken release is stopped by the check made for it."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from sklearn.linear_model import LinearRegression

from lib.delivery.bad_requests import bad_requests
from lib.delivery.smoke import Expected, Golden, golden_answers, golden_prices, smoke
from lib.serving import Limits, create_app
from lib.settings import Settings
from tests.lib.serving_tools import NUMBERS, forest, free_port, houses, loaded, rows, serving

GOLDEN = rows(6, start=100)


def expected(version: int = 1, **more: Any) -> Expected:
    """What version 1 of the forest answers where it was trained."""
    answers = forest(version).model.predict(houses()[0].iloc[100:106])
    return Expected(golden=golden_answers(GOLDEN, answers), model_version=version, **more)


def real(tmp_path, source) -> FastAPI:
    return create_app(source, settings=Settings(root=tmp_path), limits=Limits(poll_s=60))


class Room(BaseModel):
    """The inputs of the small service below, strict as they should be."""

    model_config = ConfigDict(extra="forbid", strict=True)
    area_m2: float = Field(ge=10, le=400)
    rooms: int = Field(ge=1, le=12)


SMALL = Expected(
    golden=golden_answers(
        [{"area_m2": area, "rooms": number} for area, number in ((50.0, 2), (80.0, 3), (120.0, 5))], [52e3, 83e3, 125e3]
    ),
    model_version=7,
    latency_p95_ms=100,
)


def small_service(
    *, version: int = 7, reported: int = 7, constant: bool = False, delay_s: float = 0.0,
    crash: bool = False, lax: bool = False, vague: bool = False, health: int = 200,
) -> FastAPI:  # fmt: skip
    """A FastAPI service as a team might write one, sound unless an option breaks it."""
    app = FastAPI()

    @app.get("/health")
    def say_health():
        return JSONResponse({"status": "ok", "model_version": reported}, health)

    def answer(row: dict[str, Any]) -> dict[str, Any]:
        price = 80e3 if constant else 1000.0 * (row["area_m2"] + row["rooms"])
        return {"prediction": price, "model_version": version}

    if lax:

        @app.post("/predict")
        async def predict_anything(request: Request):
            return answer({"area_m2": 50.0, "rooms": 2} | await request.json())
    else:

        @app.post("/predict")
        async def predict(room: Room):
            await asyncio.sleep(delay_s)
            return answer(room.model_dump())

    if crash or vague:
        from fastapi.exceptions import RequestValidationError

        @app.exception_handler(RequestValidationError)
        def refuse(_request, _error):
            return JSONResponse({"error": "something went wrong"}, 500 if crash else 400)

    return app


def outcome(url: str, want: Expected, **options: Any) -> dict[str, str]:
    """Which checks did not pass, and why."""
    report = smoke(url, want, **options)
    return {check.name: check.reason for check in report.checks if check.outcome != "passed"}


def run(app: FastAPI, want: Expected = SMALL, **options: Any) -> dict[str, str]:
    with serving(app, ready=False) as served:
        return outcome(served.url, want, **options)


def test_real_server_passes_every_check(tmp_path):
    """The course's own server answers as its model does, refuses what it must, and is quick enough."""
    with serving(real(tmp_path, forest(1))) as served:
        report = smoke(served.url, expected())
    assert report.passed, str(report)
    assert [check.name for check in report.checks] == ["health", "version", "schema", "golden", "bad input", "latency"]
    assert report.failures == ""
    assert type(report).model_validate_json(report.model_dump_json()) == report


def test_four_different_good_models_pass_by_their_own_answers(tmp_path):
    """Golden values travel with a version, so a better model that answers differently is not stopped."""
    line = loaded(LinearRegression(), NUMBERS, version=4)
    for version in (forest(1), forest(2), forest(3, trees=9), line):
        inputs = houses()[0].iloc[100:106][[each.name for each in version.signature.inputs]]
        records = inputs.to_dict(orient="records")
        want = Expected(golden=golden_answers(records, version.model.predict(inputs)), model_version=version.version)
        with serving(real(tmp_path, version)) as served:
            assert outcome(served.url, want) == {}


def test_prices_as_golden_values_pass_any_sound_model(tmp_path):
    """Ranges around what houses sold for hold for models that differ, and not for one that swaps its columns."""
    places = slice(100, 106)
    want = Expected(golden=golden_prices(GOLDEN, houses()[1].iloc[places].tolist()))
    for version in (forest(1), forest(2)):
        with serving(real(tmp_path, version)) as served:
            assert outcome(served.url, want) == {}


def test_server_without_a_model_is_unhealthy_and_the_rest_is_skipped(tmp_path):
    """Alive is not ready: one check fails with the reason, and the others say that they make no sense."""

    def nothing():
        raise RuntimeError("no model was ever trained")

    with serving(real(tmp_path, nothing), ready=False) as served:
        report = smoke(served.url, expected())
    assert [check.outcome for check in report.checks] == ["failed", *["skipped"] * 5]
    assert "503" in report.failures
    assert not report.passed


def test_nobody_listens():
    """A wrong address is a failed check, not an exception."""
    found = outcome(f"http://127.0.0.1:{free_port()}", SMALL)
    assert "no answer" in found["health"]


def test_other_version_is_stopped(tmp_path):
    """The right server with last week's model is no release of this week's; its answers give it away too."""
    with serving(real(tmp_path, forest(2))) as served:
        found = outcome(served.url, expected(1))
    assert set(found) == {"version", "golden"}
    assert found["version"] == "version 2 answers, and 1 was to be released"


def test_sound_small_service_passes():
    """FastAPI's own form of refusal and a single `prediction` will do."""
    assert run(small_service()) == {}


@pytest.mark.parametrize(
    ("fault", "stopped_by", "words"),
    [
        ({"reported": 6}, {"version"}, "/health says version 6, and a prediction says version 7"),
        ({"version": 6, "reported": 6}, {"version"}, "version 6 answers, and 7 was to be released"),
        ({"constant": True}, {"golden"}, "predictions are off"),
        ({"crash": True}, {"bad input"}, "got 500, not a 4xx"),
        ({"vague": True}, {"bad input"}, "without field and reason"),
        ({"lax": True}, {"schema", "bad input"}, "does not say what POST /predict takes"),
        ({"delay_s": 0.15}, {"latency"}, "2 of 2 calls took more than 100 ms"),
        ({"health": 503}, {"health", "version", "schema", "golden", "bad input", "latency"}, "503"),
    ],
    ids=lambda value: "-".join(sorted(value)) if isinstance(value, (dict, set)) else None,
)
def test_each_broken_release_is_stopped_by_its_check(fault, stopped_by, words):
    """A broken service fails the check that is made for its fault, and passes the others."""
    found = run(small_service(**fault))
    assert set(found) == stopped_by
    assert any(words in reason for reason in found.values())


def test_permuted_features_are_stopped(tmp_path):
    """A model that is given its columns in another order answers every request, and wrongly."""

    class Permuted(LinearRegression):
        def predict(self, X):  # noqa: N803
            swapped = X.copy()
            swapped[["area_m2", "age_years"]] = X[["age_years", "area_m2"]].to_numpy()
            return super().predict(swapped)

    sound, permuted = loaded(LinearRegression(), NUMBERS), loaded(Permuted(), NUMBERS)
    inputs = houses()[0].iloc[100:106][list(NUMBERS)]
    want = Expected(golden=golden_answers(inputs.to_dict(orient="records"), sound.model.predict(inputs)))
    with serving(real(tmp_path, permuted)) as served:
        found = outcome(served.url, want)
    assert set(found) == {"golden"}
    assert "predictions are off" in found["golden"]


def test_constant_answers_within_every_range_are_stopped():
    """Ranges that overlap would let one number pass for all rows: different rows must get different answers."""
    rows_of = [golden.row for golden in SMALL.golden]
    wide = SMALL.model_copy(update={"golden": tuple(Golden(row=row, low=0, high=1e6) for row in rows_of)})
    found = run(small_service(constant=True), wide)
    assert "get the same answer, 80,000" in found["golden"]


def test_hanging_server_ends_in_time():
    """A request that gets no answer fails its check after the timeout."""
    found = run(small_service(delay_s=1.0), timeout_s=0.2)
    assert found["golden"] == "no answer within 0.2 s"


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"golden": SMALL.golden[:1]}, "at least 2"),
        ({"golden": (SMALL.golden[0], Golden(row={"rooms": 2}, low=0, high=1))}, "golden row 1 has the inputs"),
        ({"golden": (SMALL.golden[0], Golden(row=SMALL.golden[0].row, low=2, high=1))}, "Swap the two ends"),
        ({"golden": SMALL.golden, "latency_ms": 5}, "latency_ms"),
    ],
)
def test_expectations_that_cannot_hold_are_refused(fields, words):
    """One row, rows of different models, swapped ends and misspelt fields are errors with the value."""
    with pytest.raises(ValidationError, match=words):
        Expected(**fields)


@given(st.dictionaries(st.text(min_size=1, max_size=8), st.one_of(st.floats(0, 9), st.booleans(), st.text(max_size=3)),
                       min_size=1, max_size=4))  # fmt: skip
def test_bad_requests_differ_from_the_good_row(row):
    """Whatever the inputs are called, each bad request is another one than the good row."""
    for bad in bad_requests(row):
        if bad.field is None:
            with pytest.raises(ValueError, match=r".+"):
                json.loads(bad.body)
        else:
            assert json.loads(bad.body) != row
