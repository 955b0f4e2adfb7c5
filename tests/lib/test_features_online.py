"""Online reads give what the join gives for the same instant, and only ever move forward."""

from __future__ import annotations

import itertools
import math
import threading
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lib.errors import FeatureError, RedisServerError
from lib.features import FeatureStore, FeatureView, online
from lib.redis_server import find_server, open_redis
from lib.settings import Settings
from tests.require import require

START = datetime(2024, 1, 1, tzinfo=UTC)
PRICES = FeatureView(
    name="prices",
    entity="district",
    columns={"median_eur": "integer"},
    ttl=timedelta(minutes=10),
    owner="tests",
    arrived="arrived_at",
)


def minute(number: float) -> datetime:
    return START + timedelta(minutes=number)


def events(*rows) -> pd.DataFrame:
    """Events as (district, true in minute, arrived in minute, value)."""
    return pd.DataFrame(
        {
            "district": pd.Series([row[0] for row in rows], dtype="str"),
            "event_time": pd.to_datetime([minute(row[1]) for row in rows], utc=True),
            "arrived_at": pd.to_datetime([minute(row[2]) for row in rows], utc=True),
            "median_eur": pd.array([row[3] for row in rows], dtype="Int64"),
        }
    )


@pytest.fixture(scope="module")
def redis():
    try:
        find_server()
    except RedisServerError as error:
        require("redis-server", present=False, way_out=str(error))
    with open_redis(Settings()) as redis:
        yield redis


@pytest.fixture
def store(tmp_path, redis):
    redis.flushall()
    with FeatureStore(Settings(root=tmp_path), redis=redis) as store:
        store.apply(PRICES)
        yield store


def test_online_gives_what_was_materialised(store):
    """The row comes back with the features; an entity that is not known has nulls, as offline."""
    store.ingest(PRICES, events(("centre", 1, 1, 100), ("centre", 2, 2, 200), ("suburb", 9, 9, 900)))
    done = store.materialise(PRICES, until=minute(3))
    assert (done.view, done.until, done.keys, done.written) == ("prices@1", minute(3), 1, 1)
    rows = [{"district": "centre", "house": 7}, {"district": "suburb"}]
    assert store.online(rows, ["prices@1"], at=minute(3)) == [
        {"district": "centre", "house": 7, "median_eur": 200},
        {"district": "suburb", "median_eur": None},
    ]


def test_repetition_writes_nothing(store):
    """Materialising the same again reports no key as written; one new event, one key."""
    store.ingest(PRICES, events(("centre", 1, 1, 100), ("suburb", 1, 1, 100)))
    first, second = (store.materialise(PRICES, until=minute(3)) for _ in range(2))
    store.ingest(PRICES, events(("suburb", 2, 2, 150)))
    third = store.materialise(PRICES, until=minute(3))
    assert [(done.keys, done.written) for done in (first, second, third)] == [(2, 2), (2, 0), (2, 1)]


def test_materialising_the_past_takes_nothing_back(store):
    """An older state is not written over a newer one."""
    store.ingest(PRICES, events(("centre", 1, 1, 100), ("centre", 5, 5, 500), ("centre", 5, 6, 510)))
    store.materialise(PRICES, until=minute(6))
    assert [store.materialise(PRICES, until=minute(number)).written for number in (1, 5)] == [0, 0]
    assert store.online([{"district": "centre"}], [PRICES], at=minute(6))[0]["median_eur"] == 510


def test_concurrent_materialisers_end_with_the_newest(store, tmp_path, redis):
    """Many stores that materialise different instants at once leave the newest value of each entity."""
    names = [f"d{number}" for number in range(50)]
    store.ingest(PRICES, events(*[(name, at, at, at) for name in names for at in range(8)]))

    def run(until: int) -> None:
        with FeatureStore(Settings(root=tmp_path), redis=redis) as other:
            other.materialise(PRICES, until=minute(until))

    threads = [threading.Thread(target=run, args=(until,)) for until in (7, 2, 5, 0, 6, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    answers = store.online([{"district": name} for name in names], [PRICES], at=minute(7))
    assert {answer["median_eur"] for answer in answers} == {7}


def test_ttl_holds_at_the_reader_and_redis_forgets(store, redis):
    """A value is there at the end of its TTL, not a microsecond later, and Redis is told when to drop it."""
    store.ingest(PRICES, events(("centre", 1, 4, 100)))
    store.materialise(PRICES, until=minute(4))
    row = [{"district": "centre"}]
    assert store.online(row, [PRICES], at=minute(11))[0]["median_eur"] == 100
    assert store.online(row, [PRICES], at=minute(11) + timedelta(microseconds=1))[0]["median_eur"] is None
    (key,) = (key for key in redis.scan_iter() if key.endswith(b":centre"))
    assert 0 < redis.pttl(key) <= 86_400_000 + 7 * 60_000
    assert redis.delete(key) == 1
    assert store.online(row, [PRICES], at=minute(4))[0]["median_eur"] is None


def test_clock_is_now_where_no_instant_is_given(tmp_path, redis):
    """The store's clock says until when to materialise and whether a value still holds; the future cannot be asked."""
    now = [minute(1)]
    with FeatureStore(Settings(root=tmp_path), redis=redis, clock=lambda: now[0], namespace="clock") as store:
        store.apply(PRICES)
        store.ingest(PRICES, events(("centre", 1, 1, 100), ("centre", 5, 5, 500)))
        assert store.materialise(PRICES).until == minute(1)
        assert store.online([{"district": "centre"}], [PRICES])[0]["median_eur"] == 100
        with pytest.raises(FeatureError, match=r"it is 2024-01-01 00:01:00\+00:00 now"):
            store.materialise(PRICES, until=minute(2))
        now[0] = minute(12)
        assert store.online([{"district": "centre"}], [PRICES])[0]["median_eur"] is None


def test_online_is_no_way_into_the_past(store):
    """An instant before the value that is held was known is refused, with join as the way out."""
    store.ingest(PRICES, events(("centre", 1, 5, 100)))
    store.materialise(PRICES, until=minute(5))
    with pytest.raises(FeatureError, match=r"became known at 2024-01-01 00:05.*use join for the past"):
        store.online([{"district": "centre"}], [PRICES], at=minute(3))


def test_a_view_that_was_never_materialised_is_told(store):
    """An online store that nobody filled is an error, not a row of nulls."""
    with pytest.raises(FeatureError, match=r"prices@1 has no online values\. Materialise it"):
        store.online([{"district": "centre"}], [PRICES])
    store.materialise(PRICES)
    assert store.online([{"district": "centre"}], [PRICES])[0]["median_eur"] is None


def test_types_come_back(store, tmp_path):
    """Integers, floats with NaN and infinity, text, booleans and timestamps come back as they went in."""
    view = FeatureView(
        name="kinds",
        entity="house",
        key_type="integer",
        columns={"a": "integer", "b": "number", "c": "string", "d": "boolean", "e": "timestamp"},
        owner="tests",
    )
    rows = [
        [2**62 + 1, 0.1, 'é "\n\x00', True, minute(0.5)],
        [-1, math.nan, "", False, datetime(1969, 7, 20, 20, 17, 40, 1, tzinfo=UTC)],
        [0, -math.inf, "None", None, None],
        [None, None, None, None, None],
    ]
    columns = dict(zip(view.columns, map(list, zip(*rows, strict=True)), strict=True))
    # A file: in a frame of pandas NaN is what is missing.
    pq.write_table(pa.table({"house": range(4), "event_time": [START] * 4, **columns}), tmp_path / "kinds.parquet")
    store.apply(view)
    store.ingest(view, tmp_path / "kinds.parquet")
    store.materialise(view)
    found = [list(row.values())[1:] for row in store.online([{"house": np.int64(n)} for n in range(4)], [view])]
    assert repr(found) == repr(rows).replace("datetime.UTC", "datetime.timezone.utc")


def test_old_model_reads_its_old_features(store):
    """After version 2 is applied and served, a model that goes back to version 1 still gets version 1's values."""
    second = FeatureView(**(PRICES.model_dump() | {"version": 2, "columns": {"median_eur": "number"}}))
    trained_on = PRICES.reference
    for view, value in ((PRICES, 100), (store.apply(second), 0.5)):
        store.ingest(view, events(("centre", 1, 1, 1)).assign(median_eur=value))
        store.materialise(view, until=minute(2))
    row = [{"district": "centre"}]
    assert store.online(row, [second], at=minute(2))[0]["median_eur"] == 0.5
    assert store.online(row, [trained_on], at=minute(2))[0]["median_eur"] == 100
    both = store.online(row, [trained_on, second], at=minute(2), full_names=True)[0]
    assert (both["prices_v1__median_eur"], both["prices_v2__median_eur"]) == (100, 0.5)


def test_another_definition_on_the_same_redis_is_apart(store, tmp_path, redis):
    """Two projects that share a Redis and a name read their own values."""
    store.ingest(PRICES, events(("centre", 1, 1, 100)))
    store.materialise(PRICES, until=minute(2))
    theirs = FeatureView(**(PRICES.model_dump() | {"ttl": None}))
    with FeatureStore(Settings(root=tmp_path / "theirs"), redis=redis) as other:
        other.apply(theirs)
        with pytest.raises(FeatureError, match=r"no online values"):
            other.online([{"district": "centre"}], [theirs])


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"distrikt": "centre"}, r"a row has no district, the entity of prices@1; it has distrikt"),
        ({"district": 3}, r"district is 3, and prices@1 has string keys"),
        ({"district": "centre", "median_eur": 1}, r"median_eur would stand in a row twice"),
    ],
)
def test_refused_rows(store, row, said):
    """A row that cannot be meant is refused with the value at fault."""
    store.materialise(PRICES)
    with pytest.raises(FeatureError, match=said):
        store.online([row], [PRICES])


def test_missing_key_has_no_features(store):
    """A row without a key has nulls online as it has offline."""
    store.materialise(PRICES)
    assert store.online([{"district": None}], [PRICES]) == [{"district": None, "median_eur": None}]


def test_naive_instants_are_refused(store):
    """Neither materialise nor online takes an instant without a zone."""
    naive = datetime(2024, 1, 1)  # noqa: DTZ001
    for call in (lambda: store.materialise(PRICES, until=naive), lambda: store.online([], [PRICES], at=naive)):
        with pytest.raises(FeatureError, match=r"has no time zone"):
            call()


def test_redis_that_fails_midway_is_told_and_mended(store, redis, monkeypatch):
    """When Redis runs out of room the error says how far it came; the same call then writes the rest."""
    monkeypatch.setattr(online, "BATCH", 100)
    store.ingest(PRICES, events(*[(f"{number:0200}", 1, 1, number) for number in range(3_000)]))
    redis.config_set("maxmemory", redis.info("memory")["used_memory"] + 400_000)
    try:
        with pytest.raises(FeatureError, match=r"prices@1 was written for \d+00 keys and then Redis failed.*repeat"):
            store.materialise(PRICES, until=minute(2))
        with pytest.raises(FeatureError, match=r"no online values"):
            store.online([{"district": f"{1:0200}"}], [PRICES])
    finally:
        redis.config_set("maxmemory", 0)
    rest = store.materialise(PRICES, until=minute(2))
    assert rest.keys == 3_000
    assert 0 < rest.written < 3_000
    assert redis.dbsize() == 3_001


def test_redis_that_is_gone_is_told(tmp_path):
    """A server that stopped is an error of ours with the way out, in reading and in writing."""
    with open_redis(Settings()) as own, FeatureStore(Settings(root=tmp_path), redis=own) as store:
        store.apply(PRICES)
        own.shutdown(nosave=True)
        for call in (lambda: store.materialise(PRICES), lambda: store.online([{"district": "a"}], [PRICES])):
            with pytest.raises(FeatureError, match=r"Redis failed.*See that it runs"):
                call()


TIMES = st.integers(0, 12)
HISTORY = st.lists(
    st.tuples(st.sampled_from("ab"), TIMES, st.integers(-2, 6), st.none() | st.integers(0, 9)), max_size=14
)
NUMBERS = itertools.count()


@pytest.mark.thorough
@given(
    history=HISTORY,
    repeated=st.lists(st.integers(0, 13), max_size=4),
    ttl=st.none() | st.integers(1, 8),
    instants=st.lists(st.integers(0, 20), min_size=1, max_size=3, unique=True).map(sorted),
)
@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_online_equals_offline_at_any_instant(store, history, repeated, ttl, instants):
    """Over random histories with late, early, repeated and contradicting events, training and serving see the same.

    Both also agree with a plain search through the history.
    """
    view = FeatureView(
        **PRICES.model_dump(exclude={"name", "ttl"}),
        name=f"history_{next(NUMBERS)}",
        ttl=None if ttl is None else timedelta(minutes=ttl),
    )
    rows = [(key, at, at + delay, value) for key, at, delay, value in history]
    store.apply(view)
    store.ingest(view, events(*rows))
    store.ingest(view, events(*[rows[place] for place in repeated if place < len(rows)]))
    asked = pd.DataFrame([(key, minute(at)) for at in instants for key in "abz"], columns=["district", "event_time"])
    joined = store.join(asked, [view])["median_eur"]
    offline = [None if pd.isna(value) else value for value in joined]
    for place, at in enumerate(instants):
        store.materialise(view, until=minute(at))
        answers = store.online([{"district": key} for key in "abz"], [view], at=minute(at))
        assert [answer["median_eur"] for answer in answers] == offline[3 * place : 3 * place + 3]
        for key, value in zip("abz", offline[3 * place : 3 * place + 3], strict=True):
            assert value in _possible(rows, key, at, ttl)


def _possible(rows, key, at, ttl) -> list[int | None]:
    """The values of the latest event known at `at`; several where events contradict each other to the instant."""
    known = [row for row in rows if row[0] == key and row[1] <= at and row[2] <= at]
    latest = max((row[1:3] for row in known), default=None)
    if latest is None or (ttl is not None and at - latest[0] > ttl):
        return [None]
    return [row[3] for row in known if row[1:3] == latest]
