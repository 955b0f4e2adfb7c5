"""Point-in-time joins: each row sees what was known at its moment, for as long as it holds, and nothing later."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lib.errors import FeatureError
from lib.features import FeatureStore, FeatureView
from lib.settings import Settings

PRICES = FeatureView(
    name="prices",
    entity="district",
    columns={"median_eur": "number"},
    ttl=timedelta(days=10),
    owner="tests",
    arrived="arrived_at",
)
SALES = FeatureView(name="sales", entity="district", columns={"sales": "integer"}, owner="tests")


def day(number: float) -> pd.Timestamp:
    return pd.Timestamp("2024-01-01", tz="UTC") + pd.Timedelta(days=number)


def prices(*events) -> pd.DataFrame:
    """Events as (district, true on, arrived on, value)."""
    return pd.DataFrame(
        {
            "district": [event[0] for event in events],
            "event_time": [day(event[1]) for event in events],
            "arrived_at": [day(event[2]) for event in events],
            "median_eur": [float(event[3]) for event in events],
        }
    )


def asked(*rows) -> pd.DataFrame:
    return pd.DataFrame({"district": [row[0] for row in rows], "event_time": [day(row[1]) for row in rows]})


@pytest.fixture
def store(tmp_path):
    with FeatureStore(Settings(root=tmp_path), memory_mb=200) as store:
        store.apply(PRICES)
        store.apply(SALES)
        yield store


def values(store, *rows, views=(PRICES,), column="median_eur") -> list[float | None]:
    joined = store.join(asked(*rows), list(views))
    return [None if pd.isna(value) else value for value in joined[column]]


def test_no_future_value_is_seen(store):
    """A row sees the last value before it, none before the first, and an unknown entity has none."""
    store.ingest(PRICES, prices(("centre", 1, 1, 100), ("centre", 5, 5, 200)))
    rows = [("centre", 0), ("centre", 4.99), ("centre", 7), ("country", 7)]
    assert values(store, *rows) == [None, 100, 200, None]


def test_the_very_instant_counts(store):
    """An event is seen by a row of exactly its time and not by one a microsecond earlier."""
    store.ingest(PRICES, prices(("centre", 1, 1, 100)))
    microsecond = 1 / 86_400_000_000
    assert values(store, ("centre", 1), ("centre", 1 - microsecond)) == [100, None]


def test_late_event_is_seen_from_its_arrival(store):
    """An event that was true on day 2 and arrived on day 5 does not leak into rows of the days between."""
    store.ingest(PRICES, prices(("centre", 1, 1, 100), ("centre", 2, 5, 200)))
    assert values(store, ("centre", 2), ("centre", 4.9), ("centre", 5)) == [100, 100, 200]


def test_late_event_does_not_replace_a_newer_one(store):
    """What was true earlier and arrives later than the present value is never the latest."""
    store.ingest(PRICES, prices(("centre", 3, 3, 300), ("centre", 1, 5, 100)))
    assert values(store, ("centre", 4), ("centre", 6)) == [300, 300]


def test_early_announcement_is_no_value_before_its_time(store):
    """An event that arrived before it is true is seen from its event time."""
    store.ingest(PRICES, prices(("centre", 5, 1, 500)))
    assert values(store, ("centre", 2), ("centre", 5)) == [None, 500]


def test_ttl_ends_with_its_last_instant(store):
    """A value holds for exactly its TTL after its event time, also when it arrived late; then there is none."""
    store.ingest(PRICES, prices(("centre", 1, 4, 100)))
    microsecond = 1 / 86_400_000_000
    assert values(store, ("centre", 11), ("centre", 11 + microsecond)) == [100, None]


def test_correction_wins_from_its_arrival(store):
    """Of two events of the same key and time the one that arrived last wins, once it has arrived."""
    store.ingest(PRICES, prices(("centre", 1, 3, 111), ("centre", 1, 1, 100)))
    assert values(store, ("centre", 2), ("centre", 3)) == [100, 111]


def test_of_two_announcements_the_later_one_wins(store):
    """Two values that are announced for the same future instant: there the one that arrived last is seen."""
    names = [f"d{number}" for number in range(8)]
    for arrived in (2, 1):
        store.ingest(PRICES, prices(*[(name, 5, arrived, 10 * place + arrived) for place, name in enumerate(names)]))
    assert values(store, *[(name, 5) for name in names]) == [10 * place + 2 for place in range(8)]


def test_contradiction_has_one_answer(store, tmp_path):
    """Events that agree in key and both times are decided by their content, whatever order they came in."""
    events = prices(("centre", 1, 1, 100), ("centre", 1, 1, 101), ("centre", 1, 1, 102))
    store.ingest(PRICES, events)
    with FeatureStore(Settings(root=tmp_path / "other")) as other:
        other.apply(PRICES)
        for place in (2, 1, 0):
            other.ingest(PRICES, events.iloc[[place]])
        assert values(store, ("centre", 2)) == values(other, ("centre", 2)) != [None]


def test_same_events_twice_do_no_harm(store):
    """Ingesting a batch again changes no answer and multiplies no row."""
    events = prices(("centre", 1, 1, 100), ("suburb", 1, 1, 200))
    assert [store.ingest(PRICES, events), store.ingest(PRICES, events)] == [2, 2]
    assert values(store, ("centre", 2), ("suburb", 2), ("centre", 2)) == [100, 200, 100]


def test_rows_come_back_as_given(store):
    """Order, index, further columns and repeated rows of the entities stay."""
    store.ingest(PRICES, prices(*[("centre", number, number, number) for number in range(20)]))
    rows = asked(*[("centre", number) for number in (7, 3, 19, 3, 0)]).assign(house=list("abcde"))
    rows.index = pd.Index([9, 9, 1, 0, 5], name="listing")
    joined = store.join(rows, [PRICES])
    pd.testing.assert_frame_equal(joined[rows.columns], rows)
    assert joined["median_eur"].tolist() == [7, 3, 19, 3, 0]


def test_several_views_in_one_row(store):
    """Each view goes by its own times; one without TTL and arrival holds for ever."""
    store.ingest(PRICES, prices(("centre", 1, 1, 100)))
    store.ingest(SALES, pd.DataFrame({"district": ["centre"], "event_time": [day(2)], "sales": [7]}))
    joined = store.join(asked(("centre", 1), ("centre", 2), ("centre", 99)), ["prices@1", SALES])
    assert joined["sales"].tolist() == [pd.NA, 7, 7]
    assert joined["median_eur"].fillna(-1).tolist() == [100, 100, -1]


def test_views_of_different_entities(store):
    """A row may carry keys of several entities, of strings and of integers."""
    agent = FeatureView(name="agents", entity="agent", key_type="integer", columns={"speed": "number"}, owner="tests")
    store.apply(agent)
    store.ingest(agent, pd.DataFrame({"agent": [4], "event_time": [day(0)], "speed": [0.5]}))
    store.ingest(PRICES, prices(("centre", 1, 1, 100)))
    joined = store.join(asked(("centre", 2)).assign(agent=4), [PRICES, agent])
    assert joined[["median_eur", "speed"]].to_numpy().tolist() == [[100, 0.5]]


def test_missing_key_of_a_row_has_no_features(store):
    """A row whose key is missing is a row of an unknown entity, not of an entity called nothing."""
    store.ingest(PRICES, prices(("centre", 1, 1, 100)))
    assert values(store, (None, 2), ("centre", 2)) == [None, 100]


def test_two_versions_stand_side_by_side(store):
    """Under full names both versions of a view fit in a row; under short ones the clash is an error."""
    second = FeatureView(**(PRICES.model_dump() | {"version": 2, "ttl": timedelta(days=1)}))
    store.apply(second)
    for view in (PRICES, second):
        store.ingest(view, prices(("centre", 1, 1, 100)))
    joined = store.join(asked(("centre", 3)), [PRICES, second], full_names=True)
    assert joined["prices_v1__median_eur"].tolist() == [100]
    assert joined["prices_v2__median_eur"].isna().all()
    with pytest.raises(FeatureError, match=r"median_eur would stand in a row twice\. Ask for full_names=True"):
        store.join(asked(("centre", 3)), [PRICES, second])


def test_every_type_stays_what_it_is(store):
    """Missing values turn no integer into a float and no boolean into an object."""
    view = FeatureView(
        name="kinds",
        entity="district",
        columns={"a": "integer", "b": "number", "c": "string", "d": "boolean", "e": "timestamp"},
        owner="tests",
    )
    store.apply(view)
    big = 2**62 + 1
    events = pd.DataFrame(
        {
            "district": ["centre", "suburb"],
            "event_time": [day(1), day(1)],
            "a": pd.array([big, None], dtype="Int64"),
            "b": [0.1, np.nan],
            "c": ["é", None],
            "d": [True, None],
            "e": [day(0.5), None],
        }
    )
    store.ingest(view, events)
    joined = store.join(asked(("centre", 2), ("suburb", 2)), [view])
    kinds = ["Int64", "float64", "str", "boolean", "datetime64[us, UTC]"]
    assert [str(joined[name].dtype) for name in view.columns] == kinds
    assert joined.loc[0, list(view.columns)].tolist() == [big, 0.1, "é", True, day(0.5)]
    assert joined.loc[1, list(view.columns)].isna().all()


def test_zones_are_instants(store):
    """The same instant in another zone is the same; the answer keeps the zone that was given."""
    store.ingest(PRICES, prices(("centre", 1, 1, 100)))
    rows = asked(("centre", 1), ("centre", 0.99))
    rows["event_time"] = rows["event_time"].dt.tz_convert("America/New_York")
    joined = store.join(rows, [PRICES])
    assert joined["median_eur"].fillna(-1).tolist() == [100, -1]
    assert str(joined["event_time"].dt.tz) == "America/New_York"


def test_naive_times_are_refused_or_declared(store):
    """A time without a zone is an error unless it is said to be UTC."""
    store.ingest(PRICES, prices(("centre", 1, 1, 100)))
    rows = asked(("centre", 1))
    rows["event_time"] = rows["event_time"].dt.tz_localize(None)
    with pytest.raises(FeatureError, match=r"event_time of the entities has no time zone.*naive_utc=True"):
        store.join(rows, [PRICES])
    assert store.join(rows, [PRICES], naive_utc=True)["median_eur"].tolist() == [100]


def test_parquet_in_parquet_out(store, tmp_path):
    """Events and rows may be files; the answer has all their columns in their order, and nothing else is left."""
    prices(*[("centre", number, number, number) for number in range(30)]).to_parquet(tmp_path / "events.parquet")
    store.ingest(PRICES, tmp_path / "events.parquet")
    rows = asked(*[("centre", number % 30) for number in range(0, 900, 7)]).assign(house=range(129))
    rows.to_parquet(tmp_path / "rows.parquet")
    target = store.join(tmp_path / "rows.parquet", [PRICES], to=tmp_path / "out" / "joined.parquet")
    joined = pd.read_parquet(target)
    assert joined["house"].tolist() == list(range(129))
    assert joined["median_eur"].tolist() == [number % 30 for number in range(0, 900, 7)]
    assert [path.name for path in target.parent.iterdir()] == ["joined.parquet"]


def test_a_source_in_sql(store):
    """A view may be computed from tables that the store was given."""
    view = FeatureView(
        name="counts",
        entity="district",
        columns={"sold": "integer"},
        owner="tests",
        naive_utc=True,
        source="SELECT district, sold_on AS event_time, count(*) AS sold FROM houses GROUP BY ALL;",
    )
    store.apply(view)
    with pytest.raises(FeatureError, match=r"(?s)houses does not exist.*Correct the SQL or the tables"):
        store.join(asked(("centre", 3)), [view])
    store.add_table("houses", pd.DataFrame({"district": ["centre"] * 3, "sold_on": pd.to_datetime(["2024-01-02"] * 3)}))
    assert store.join(asked(("centre", 3)), [view])["sold"].tolist() == [3]
    with pytest.raises(FeatureError, match=r"counts@1 reads its events by its own SQL"):
        store.ingest(view, prices())


def test_no_events_and_no_rows(store):
    """A view without events gives nulls; no rows give no rows; both keep the types."""
    assert values(store, ("centre", 1)) == [None]
    store.ingest(PRICES, prices(("centre", 1, 1, 100)))
    joined = store.join(asked(("centre", 1)).iloc[:0], [PRICES])
    assert (len(joined), str(joined["median_eur"].dtype)) == (0, "float64")


EVENT = prices(("centre", 1, 1, 100))


@pytest.mark.parametrize(
    ("events", "said"),
    [
        (EVENT.drop(columns="arrived_at"), r"prices@1 should have each of arrived_at exactly once"),
        (EVENT.assign(district=None), r"district is empty in the events of prices@1\. Fill or drop"),
        (EVENT.assign(event_time=pd.NaT), r"event_time .* has no time zone"),
        (pd.concat([EVENT, EVENT.assign(arrived_at=pd.NaT)]), r"arrived_at is empty in"),
        (EVENT.assign(event_time=pd.Timestamp("2024-01-01")), r"event_time of .* has no time zone"),
        (EVENT.assign(event_time="2024-01-01"), r"event_time of .* is of type VARCHAR, not a time"),
        (EVENT.assign(district=3), r"district of .* is of type BIGINT, and prices@1 has string keys"),
        (EVENT.assign(median_eur="dear"), r"median_eur of .* is of type VARCHAR, and number is declared"),
        (EVENT.assign(median_eur=[{"a": 1}]), r"median_eur of .* is of type STRUCT"),
        (pd.concat([EVENT.astype(object), EVENT.assign(median_eur="x")]), r"values of several types"),
    ],
)
def test_refused_events_leave_nothing_behind(store, events, said):
    """Events at fault are refused as a whole, with the fault and the way out; answers stay as they were."""
    store.ingest(PRICES, EVENT)
    with pytest.raises(FeatureError, match=said):
        store.ingest(PRICES, events)
    assert values(store, ("centre", 2)) == [100]


def test_integers_with_gaps_and_fractions(store):
    """Whole numbers that pandas made floats are integers; fractions are refused."""
    events = pd.DataFrame({"district": ["a", "b"], "event_time": [day(1)] * 2, "sales": [3.0, np.nan]})
    store.ingest(SALES, events)
    assert store.join(asked(("a", 2), ("b", 2)), [SALES])["sales"].tolist() == [3, pd.NA]
    with pytest.raises(FeatureError, match=r"sales of the events of sales@1 has fractions"):
        store.ingest(SALES, events.assign(sales=2.5))


@pytest.mark.parametrize(
    ("rows", "options", "said"),
    [
        (asked(("centre", 1)).drop(columns="district"), {}, r"the entities should have each of district"),
        (asked(("centre", 1)), {"time": "listed_on"}, r"each of listed_on exactly once"),
        (asked(("centre", 1)).assign(median_eur=1.0), {}, r"median_eur would stand in a row twice"),
        (asked(("centre", 1)).assign(district=1), {}, r"is of type BIGINT, and prices@1 has string keys"),
        (asked(("centre", 1)).assign(event_time=pd.NaT), {}, r"event_time .*(empty|not a time|no time zone)"),
    ],
)
def test_refused_rows(store, rows, options, said):
    """Rows that cannot be joined are refused with the column at fault."""
    with pytest.raises(FeatureError, match=said):
        store.join(rows, [PRICES], **options)


def test_a_row_without_a_time_is_refused(store):
    """A missing time among others is no moment, so there is no answer to give."""
    rows = pd.concat([asked(("centre", 1)), asked(("centre", 1)).assign(event_time=pd.NaT)])
    with pytest.raises(FeatureError, match=r"event_time is empty in the entities"):
        store.join(rows, [PRICES])


def test_file_at_fault_is_named(store, tmp_path):
    """A file of rows needs a place for the answer; one that is missing or lacks a column is an error."""
    with pytest.raises(FeatureError, match=r"need a file to go to"):
        store.join(tmp_path / "rows.parquet", [PRICES])
    with pytest.raises(FeatureError, match=r"rows\.parquet"):
        store.join(tmp_path / "rows.parquet", [PRICES], to=tmp_path / "joined.parquet")
    pq.write_table(pa.table({"event_time": [datetime(2024, 1, 1, tzinfo=UTC)]}), tmp_path / "rows.parquet")
    with pytest.raises(FeatureError, match=r"the entities have no column district; they have event_time"):
        store.join(tmp_path / "rows.parquet", [PRICES], to=tmp_path / "joined.parquet")


@pytest.mark.parametrize("views", [[], PRICES, "prices@1"])
def test_views_are_a_list(store, views):
    """A single view or none at all is a slip that is told."""
    with pytest.raises(FeatureError, match=r"Give a list of at least one view"):
        store.join(asked(("centre", 1)), views)
