"""A person's own table goes the same road: read as declared, checked, or refused in clear words."""

from __future__ import annotations

import pandas as pd
import pytest
from sklearn.datasets import load_diabetes, load_wine

from lib.errors import DataError, SchemaError
from lib.market import Column, Schema, california, load_table, simulate

WINE = Schema(
    columns=(
        *(Column(name=name, kind="number", low=0, high=2_000) for name in load_wine().feature_names),
        Column(name="cultivar", kind="string", categories=("class_0", "class_1", "class_2")),
    )
)
DIABETES = Schema(
    columns=(
        *(Column(name=name, kind="number", low=-0.3, high=0.3) for name in load_diabetes().feature_names),
        Column(name="target", kind="integer", low=25, high=346, note="disease progression after one year"),
    )
)


def wine():
    bunch = load_wine(as_frame=True)
    return bunch.data.assign(cultivar=bunch.target_names[bunch.target])


def write(frame, path):
    frame.to_csv(path, index=False) if path.suffix == ".csv" else frame.to_parquet(path)
    return path


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
@pytest.mark.parametrize(("frame", "schema"), [(wine(), WINE), (load_diabetes(as_frame=True).frame, DIABETES)])
def test_sets_that_nobody_here_made_load(tmp_path, frame, schema, suffix):
    """Wine and diabetes, as scikit-learn ships them, come back equal from both formats."""
    loaded = load_table(write(frame, tmp_path / f"own{suffix}"), schema)
    pd.testing.assert_frame_equal(loaded, frame, check_dtype=False)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_market_comes_back_from_a_file_with_its_types(tmp_path, suffix):
    """Dates, nullable booleans and whole numbers with gaps have their types again."""
    market = simulate(rows=400)
    loaded = load_table(write(market.houses, tmp_path / f"houses{suffix}"), market.schema)
    assert loaded["listed_on"].dtype.kind == loaded["sold_on"].dtype.kind == "M"
    assert str(loaded["sold_within_30_days"].dtype) == "boolean"
    assert str(loaded["days_on_market"].dtype) == "Int64"
    assert loaded["price_eur"].equals(market.houses["price_eur"])


def test_text_stays_text(tmp_path):
    """A postcode with a leading zero is no number."""
    path = tmp_path / "codes.csv"
    path.write_text("code\n01067\n10115\n")
    assert load_table(path, Schema(columns=(Column(name="code", kind="string"),)))["code"].tolist() == [
        "01067",
        "10115",
    ]


@pytest.mark.parametrize(
    ("name", "content", "error", "message"),
    [
        ("own.csv", b"", DataError, "own.csv is empty"),
        ("own.csv", b"x,d\n", DataError, "a header and no rows"),
        ("own.csv", b"\x00\xff\xfe\x89PNG\r\n", DataError, "cannot be read as a csv table"),
        ("own.csv", b"x,d\n1,2024-01-01\n1,2,3,4\n", DataError, "cannot be read as a csv table.*line 3"),
        ("own.csv", b"<html>\n<p>Not found</p>\n", SchemaError, "missing: x, d"),
        ("own.csv", b"x,d\none,2024-01-01\n", SchemaError, "x: holds str, e.g. 'one', where number is declared"),
        ("own.csv", b"x,d\n1,soon\n", SchemaError, "d: holds str, e.g. 'soon', where date is declared"),
        ("own.csv", b"x,d\n99,2024-01-01\n", SchemaError, "x: 1 of 1 value lies above 10"),
        ("own.csv", b"x\n1\n", SchemaError, "missing: d"),
        ("own.parquet", b"x,d\n1,2\n", DataError, "cannot be read as a parquet table"),
        ("own.xlsx", b"PK", DataError, "ends in '.xlsx'"),
    ],
)
def test_file_that_is_not_the_table_is_refused(tmp_path, name, content, error, message):
    """What cannot be read is a DataError, what does not fit a SchemaError; both say what to do."""
    schema = Schema(columns=(Column(name="x", kind="number", high=10), Column(name="d", kind="date")))
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(error, match=message):
        load_table(path, schema)


def test_missing_file_is_named(tmp_path):
    """A path that is not there is named."""
    with pytest.raises(DataError, match=r"nowhere.csv is not a file"):
        load_table(tmp_path / "nowhere.csv", WINE)


def test_california_says_how_to_get_it_when_it_is_not_cached(tmp_path, monkeypatch):
    """Nothing is fetched: an empty cache is a clear error."""
    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(tmp_path))
    with pytest.raises(DataError, match=r"is not in .*fetch_california_housing"):
        california()
