"""Labels find their prediction by its id, whenever and however often they come; what is wrong with them is counted."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from lib.errors import MonitoringError
from lib.market import HOUSES
from lib.monitoring.store import PredictionStore
from lib.serving import PredictionLog, create_app
from lib.settings import Settings
from tests.lib.serving_tools import forest, rows, serving

START = datetime(2024, 1, 1, tzinfo=UTC)
LATER = START + timedelta(days=100)


def line(number, *, day=0, row=0, output=100.0, version=1, **features):
    """A line of the log."""
    at = (START + timedelta(days=day)).isoformat()
    known = {
        "request_id": f"r{number}", "row": row, "at": at, "model": "m", "version": version,
        "features": features, "output": output,
    }  # fmt: skip
    return json.dumps(known).encode() + b"\n"


def label(number, value, *, day=40, row=0, corrects=False):
    """A label as it comes."""
    known_at = START + timedelta(days=day)
    return {"request_id": f"r{number}", "row": row, "known_at": known_at, "label": value, "corrects": corrects}


@pytest.fixture
def store(tmp_path):
    """An empty store."""
    with PredictionStore(tmp_path / "monitoring.duckdb") as opened:
        yield opened


@pytest.fixture
def log(tmp_path):
    """A log in a folder of its own."""
    opened = PredictionLog(tmp_path / "predictions")
    yield opened
    opened.close()


def truths(store, as_of=LATER):
    """By request, the truth that holds."""
    found = store.joined(as_of).df().set_index("request_id")["truth"]
    return {name: value for name, value in found.items() if value == value}  # noqa: PLR0124  NaN is not itself


def test_labels_are_joined_by_id_and_never_by_order(store, log, tmp_path):
    """Labels in any order, of some of the predictions, in any row of a request, reach the right one."""
    log.append(line(1) + line(2) + line(2, row=1) + line(3))
    assert store.take_predictions(tmp_path / "predictions") == 4
    store.take_labels(pd.DataFrame([label(3, 30), label(2, 21, row=1), label(1, 10)]))
    found = store.joined(LATER).order("request_id, row").df()
    assert found["truth"].fillna(-1).tolist() == [10, -1, 21, 30]
    counts = store.count(LATER)
    assert (counts.predictions, counts.labelled, counts.coverage) == (4, 3, 0.75)


def test_a_server_s_own_log_is_taken_in(store, tmp_path):
    """What a real server answered stands in the store, features and version with it."""
    with serving(create_app(forest(), settings=Settings(root=tmp_path))) as served:
        given = [served.post("/predict", row).json() for row in rows(4)]
    assert store.take_predictions(tmp_path / "predictions") == 4
    store.take_labels(
        pd.DataFrame([{"request_id": given[2]["request_id"], "known_at": datetime.now(UTC), "label": 123_000}])
    )
    as_of = datetime.now(UTC) + timedelta(minutes=1)
    found = store.joined(as_of).df().set_index("request_id").loc[given[2]["request_id"]]
    assert (found["prediction"], found["truth"]) == (given[2]["predictions"][0], 123_000)
    asked = store.features(HOUSES, ["district", "area_m2", "has_garden"], since=START, until=as_of, version=1)
    assert sorted(asked["area_m2"]) == sorted(row["area_m2"] for row in rows(4))
    assert set(asked["district"]) == {row["district"] for row in rows(4)}


def test_taking_in_again_takes_only_what_is_new(store, log, tmp_path):
    """A segment that grew is read again, and nothing stands there twice; an unfinished line waits until it is whole."""
    log.append(line(1) + line(2))
    folder = tmp_path / "predictions"
    assert store.take_predictions(folder) == 2
    assert store.take_predictions(folder) == 0
    log.append(line(3) + line(4)[:20])
    assert store.take_predictions(folder) == 1
    log.append(line(4)[20:])
    assert store.take_predictions(folder) == 1
    assert store.count(LATER).predictions == 4


def test_only_what_is_new_is_read(store, log, tmp_path):
    """What was taken may be blanked meanwhile, as an erasure does; a segment that was cut is taken anew."""
    log.append(line(1) + line(2))
    folder = tmp_path / "predictions"
    assert store.take_predictions(folder) == 2
    (segment,) = folder.iterdir()
    size = segment.stat().st_size
    with segment.open("r+b") as stream:
        stream.write(b" " * (len(line(1)) - 1))
    log.append(line(3))
    assert store.take_predictions(folder) == 1
    assert store.count(LATER).predictions == 3
    with segment.open("r+b") as stream:
        stream.truncate(size - 5)
    assert store.take_predictions(folder) == -3
    assert store.count(LATER).predictions == 0


def test_what_was_taken_survives(tmp_path, log):
    """The store is a file: closed and opened again it knows what it knew, and does not read it again."""
    log.append(line(1))
    path = tmp_path / "monitoring.duckdb"
    with PredictionStore(path) as store:
        store.take_predictions(tmp_path / "predictions")
        store.take_labels(pd.DataFrame([label(1, 9)]))
    with PredictionStore(path) as store:
        assert store.take_predictions(tmp_path / "predictions") == 0
        assert truths(store) == {"r1": 9}


def test_every_wrong_label_is_counted_and_none_is_used(store, log, tmp_path):
    """Said twice, contradicted, of nobody, known before it was asked, late: five things, five counts."""
    log.append(b"".join(line(number, day=10) for number in range(1, 7)) + line(1, day=11, output=999.0))
    store.take_predictions(tmp_path / "predictions")
    store.take_labels(
        pd.DataFrame(
            [
                label(1, 10),
                label(1, 10),
                label(1, "10.0"),
                label(2, 20),
                label(2, 25),
                label(77, 1),
                label(3, 30, day=5),
                label(4, 40, day=41),
            ]
        )
    )
    counts = store.count(LATER)
    assert (counts.predictions, counts.repeated) == (6, 1)
    assert (counts.label_lines, counts.duplicated, counts.contradicting) == (8, 2, 1)
    assert (counts.orphans, counts.early, counts.late) == (1, 1, 1)
    assert truths(store) == {"r1": 10, "r4": 40}
    first = store.joined(LATER).filter("request_id = 'r1'").df()
    assert first["prediction"].tolist() == [100.0]


def test_an_orphan_finds_its_prediction_later(store, log, tmp_path):
    """A label that came before the log was taken in is no orphan any more once it was."""
    store.take_labels(pd.DataFrame([label(1, 10)]))
    assert store.count(LATER).orphans == 1
    log.append(line(1))
    store.take_predictions(tmp_path / "predictions")
    assert (store.count(LATER).orphans, truths(store)) == (0, {"r1": 10})


def test_a_correction_settles_a_contradiction(store, log, tmp_path):
    """Two registries disagree: nobody knows, until one corrects; and that again may be contradicted."""
    log.append(line(1))
    store.take_predictions(tmp_path / "predictions")
    store.take_labels(pd.DataFrame([label(1, 10), label(1, 12, day=41)]))
    assert truths(store) == {}
    store.take_labels(pd.DataFrame([label(1, 11, day=50, corrects=True)]))
    assert truths(store) == {"r1": 11}
    assert truths(store, as_of=START + timedelta(days=45)) == {}
    store.take_labels(pd.DataFrame([label(1, 13, day=60)]))
    assert truths(store) == {}


def test_figures_are_of_their_moment(store, log, tmp_path):
    """As of a day, only what was asked and known by then counts: yesterday's figure can be had again tomorrow."""
    log.append(line(1) + line(2, day=50))
    store.take_predictions(tmp_path / "predictions")
    store.take_labels(pd.DataFrame([label(1, 10, day=20), label(2, 20, day=90)]))
    early, mid, late = (store.count(START + timedelta(days=day)) for day in (10, 45, 100))
    assert [(each.predictions, each.mature, each.labelled) for each in (early, mid, late)] == [
        (1, 0, 0), (1, 1, 1), (2, 2, 2),
    ]  # fmt: skip
    assert (early.coverage, early.maturity, late.maturity) == (0.0, 0.0, 1.0)


def test_labels_come_from_parquet_and_as_truth_values(store, log, tmp_path):
    """A Parquet file is read where it lies, and true and false are 1 and 0."""
    log.append(line(1, output=True) + line(2, output=False))
    store.take_predictions(tmp_path / "predictions")
    given = pd.DataFrame([label(1, value=True), label(2, value=True)])[["request_id", "known_at", "label"]]
    given.to_parquet(tmp_path / "labels.parquet")
    assert store.take_labels(tmp_path / "labels.parquet") == 2
    found = store.joined(LATER).order("request_id").df()
    assert found[["prediction", "truth"]].to_numpy().tolist() == [[1.0, 1.0], [0.0, 1.0]]


def test_labels_without_what_they_need_are_refused_as_a_whole(store):
    """Missing columns are named; a line without a value takes the others of its table with it."""
    with pytest.raises(MonitoringError, match="the labels lack known_at, label"):
        store.take_labels(pd.DataFrame({"request_id": ["r1"]}))
    with pytest.raises(MonitoringError, match="1 labels have no id, time or value"):
        store.take_labels(pd.DataFrame([label(1, 10.0), label(2, None)]))
    assert store.count(LATER).label_lines == 0


def test_many_rows_stay_in_the_file(tmp_path):
    """A join of 400,000 predictions and labels keeps within 160 MB; what does not fit lies on the disk."""
    with PredictionStore(tmp_path / "many.duckdb", memory_mb=160) as store:
        store.connection.execute("SET threads = 1")
        store.connection.execute("""
            INSERT INTO predictions SELECT 's', 'r' || i, 0, TIMESTAMPTZ '2024-01-01' + to_seconds(i), 'm', 1,
                '{"district": "centre", "note": "' || repeat('x', 100) || '"}', (i % 997)::TEXT, i % 997
            FROM range(400000) t(i)""")
        store.connection.execute("""
            INSERT INTO labels SELECT 'r' || i, 0, TIMESTAMPTZ '2024-02-01', (i % 991)::TEXT, i % 991, false
            FROM range(0, 400000, 2) t(i)""")
        counts = store.count(datetime(2024, 6, 1, tzinfo=UTC))
    assert (counts.predictions, counts.labelled, counts.coverage) == (400_000, 200_000, 0.5)


def test_a_store_that_cannot_be_opened_says_so(tmp_path):
    """What cannot be opened is named, with the way out."""
    (tmp_path / "no.duckdb").write_bytes(b"this is not a database" * 300)
    with pytest.raises(MonitoringError, match=r"no\.duckdb cannot be opened"):
        PredictionStore(tmp_path / "no.duckdb")
