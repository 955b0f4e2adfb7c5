"""One declaration of what a row may be: the server, the batch and the stream take and refuse the same rows."""

from __future__ import annotations

import pandas as pd
import pytest

from lib.errors import BadRows, RedisServerError
from lib.redis_server import find_server, open_redis
from lib.registry import load
from lib.serving import first
from lib.serving.batch import score_table
from lib.serving.batch_predict import schema_of
from lib.serving.bundle import make_bundle
from lib.serving.first import ensure_champion
from lib.serving.schema import Input
from lib.serving.stream import Event, SqliteSink, consume, dead_letters, publish
from lib.settings import Settings
from tests.lib.serving_tools import NAME, rows
from tests.require import require

CASES = {  # what is changed in a good row, and the column that is at fault
    "good": ({}, None),
    "smallest": ({"area_m2": 10.0}, None),
    "largest": ({"area_m2": 400.0, "rooms": 12}, None),
    "too small": ({"area_m2": 9.99}, "area_m2"),
    "too large": ({"area_m2": 400.01}, "area_m2"),
    "negative": ({"distance_km": -0.5}, "distance_km"),
    "no rooms": ({"rooms": 0}, "rooms"),
    "too many": ({"rooms": 13}, "rooms"),
    "no such class": ({"energy_class": "Z"}, "energy_class"),
    "no such place": ({"district": "Atlantis"}, "district"),
}


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    settings = Settings(root=tmp_path_factory.mktemp("ranges"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(first, "ROWS", 300)
        patch.setattr(first, "TREES", 3)
        ensure_champion(NAME, settings=settings, say=lambda _text: None)
    return settings


@pytest.fixture(scope="module")
def champion(settings):
    return load(NAME, settings=settings)


@pytest.fixture(scope="module")
def asked():
    return {name: {**rows(1)[0], **change} for name, (change, _) in CASES.items()}


def at_fault(name: str, reasons: dict[str, str]) -> bool:
    """Whether a reason is there exactly when the case has a column at fault, and names it and no other."""
    column = CASES[name][1]
    return (name not in reasons) if column is None else reasons.get(name, "").startswith(column)


def test_server_refuses_what_lies_outside(champion, asked):
    """Online, as the reference: by field."""
    schema, reasons = make_bundle(champion).schema, {}
    for name, row in asked.items():
        try:
            schema.check([row])
        except BadRows as error:
            (fault,) = error.faults
            reasons[name] = f"{fault.field}: {fault.reason}"
    assert [name for name in CASES if not at_fault(name, reasons)] == []
    assert reasons["too small"] == "area_m2: 9.99 lies outside 10 to 400 m²"
    assert schema_of(champion) == schema
    assert schema.faults(list(asked.values())) == {list(CASES).index(name): reason for name, reason in reasons.items()}


@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_batch_refuses_the_same_rows(kind, champion, asked, settings, tmp_path):
    """They are rejects with the same bounds in the reason; the others have the server's answers."""
    table = pd.DataFrame([{"id": name, **row} for name, row in asked.items()])
    source = tmp_path / f"houses.{kind}"
    table.to_parquet(source) if kind == "parquet" else table.to_csv(source, index=False)
    manifest = score_table(source, tmp_path / "scores", model=champion, key="id", settings=settings)
    rejects = pd.concat(map(pd.read_parquet, manifest.rejects)).set_index("id")["reason"].to_dict()
    assert [name for name in CASES if not at_fault(name, rejects)] == []
    assert rejects["too small"] == "area_m2 is 9.99, outside 10 to 400 m²"
    assert rejects["no such class"].startswith("energy_class is Z, not one of A")
    answers = pd.concat(map(pd.read_parquet, manifest.scores)).set_index("id")["prediction"].to_dict()
    good = [name for name, (_, column) in CASES.items() if column is None]
    assert answers == dict(zip(good, make_bundle(champion).answer([asked[name] for name in good]), strict=True))


def test_stream_refuses_the_same_events(champion, asked, tmp_path):
    """They are dead letters with the server's own words; the others have results."""
    try:
        find_server()
    except RedisServerError as error:
        require("redis-server", present=False, way_out=str(error))
    sink = SqliteSink(tmp_path / "results.db")
    with open_redis(Settings()) as redis:
        publish(redis, "houses", [Event(name, {**row, "seen": "elsewhere"}) for name, row in asked.items()])
        done = consume(redis, "houses", model=champion, sink=sink, until_done=True)
        letters = {letter["id"]: letter["reason"] for letter in dead_letters(redis, "houses")}
    sink.close()
    assert [name for name in CASES if not at_fault(name, letters)] == []
    assert letters["too small"] == "area_m2: 9.99 lies outside 10 to 400 m²"
    assert (done.scored, done.dead) == (len(CASES) - len(letters), len(letters))


def test_bounds_of_whole_numbers_are_whole():
    """A range of 0.5 to 9.5 admits 1 to 9."""
    assert Input(name="rooms", type="long", low=0.5, high=9.5).bounds == (1, 9)
    assert Input(name="area", type="double", low=0.5, high=9.5).bounds == (0.5, 9.5)
    assert Input(name="district", type="string").bounds is None
