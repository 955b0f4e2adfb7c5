"""A schema refuses what it does not declare, in words that say what, how often and what to do."""

from __future__ import annotations

import pandas as pd
import pytest
from pydantic import ValidationError

from lib.errors import SchemaError
from lib.market import HOUSES, Column, Schema, simulate

SCHEMA = Schema(
    columns=(
        Column(name="id", kind="string", unique=True),
        Column(name="area", kind="number", unit="m²", low=10, high=400),
        Column(name="rooms", kind="integer", nullable=True),
        Column(name="class", kind="string", categories=("A", "B")),
        Column(name="garden", kind="boolean"),
        Column(name="listed", kind="date"),
    )
)


def table(**changes):
    columns = {
        "id": ["a", "b", "c"],
        "area": [50.0, 60.0, 70.0],
        "rooms": [2, 3, 4],
        "class": ["A", "B", "A"],
        "garden": [True, False, True],
        "listed": pd.to_datetime(["2024-01-01"] * 3),
    }
    return pd.DataFrame({name: value for name, value in (columns | changes).items() if value is not None})


def test_table_that_fits_is_returned_itself():
    """Checking copies nothing, whatever the order of the columns."""
    frame = table()[["listed", "garden", "class", "rooms", "area", "id"]]
    assert SCHEMA.check(frame) is frame


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"area": None}, "missing: area. Add the columns"),
        ({"areas": [1, 2, 3]}, "not declared: areas. Drop the columns"),
        ({"area": [5.0, 60.0, 3.0]}, r"area: 2 of 3 values lies below 10 m², e.g. 5.0, 3.0. Correct the data"),
        ({"area": [50.0, 600.0, 70.0]}, r"area: 1 of 3 values lies above 400 m², e.g. 600.0"),
        ({"area": [50.0, None, 70.0]}, "area: 1 of 3 values is empty. Fill or drop"),
        ({"area": ["50", "60", "70"]}, "area: holds str, e.g. '50', '60', '70', where number is declared"),
        ({"area": [True, False, True]}, "area: holds bool"),
        ({"rooms": [2.0, 2.5, None]}, "rooms: holds float64.*where integer is declared"),
        ({"id": ["a", "b", "a"]}, "id: 1 of 3 values repeats an earlier one, e.g. 'a'"),
        ({"id": [1, 2, 3]}, "id: holds int64"),
        ({"class": ["A", "C", "A"]}, "class: 1 of 3 values is none of A, B, e.g. 'C'.*add the category"),
        ({"garden": ["yes", "no", "yes"]}, "garden: holds str"),
        ({"listed": ["2024-01-01"] * 3}, "listed: holds str.*where date is declared"),
    ],
)
def test_fault_is_named(changes, message):
    """Each fault names the column, the values, their count and the way out."""
    with pytest.raises(SchemaError, match=message):
        SCHEMA.check(table(**changes))


def test_all_faults_are_told_at_once():
    """A person mends the table in one go."""
    with pytest.raises(SchemaError) as caught:
        SCHEMA.check(table(area=[5.0, 60.0, 70.0], id=["a", "a", "a"], garden=None))
    assert len(str(caught.value).splitlines()) == 3


def test_infinity_is_no_number_to_train_on():
    """An unbounded column refuses infinite values."""
    schema = Schema(columns=(Column(name="x", kind="number"),))
    with pytest.raises(SchemaError, match=r"x: 1 of 2 values is infinite, e.g. inf"):
        schema.check(pd.DataFrame({"x": [1.0, float("inf")]}))


def test_column_that_stands_twice_is_refused():
    """Two columns of one name leave open which is meant."""
    frame = table()
    with pytest.raises(SchemaError, match=r"more than once: area"):
        SCHEMA.check(pd.concat([frame, frame[["area"]]], axis=1))


def test_integers_with_gaps_and_categories_fit():
    """Whole numbers that a reader made floats of, and pandas categories, are what was declared."""
    frame = table(rooms=[2.0, None, 4.0], **{"class": pd.Categorical(["A", "B", "A"])})
    assert SCHEMA.check(frame) is frame


def test_schema_survives_json():
    """A schema written to a file and read again is the same schema."""
    assert Schema.model_validate_json(HOUSES.model_dump_json()) == HOUSES


def test_schema_refuses_a_typo():
    """A field that does not exist is an error, not ignored."""
    with pytest.raises(ValidationError, match=r"hihg"):
        Column.model_validate({"name": "x", "kind": "number", "hihg": 3})


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"kind": "string", "low": 1}, "A range needs a numeric kind"),
        ({"kind": "number", "categories": ("a",)}, "Categories need kind 'string'"),
        ({"kind": "number", "low": 2, "high": 1}, "Swap the two ends"),
    ],
)
def test_contradictory_column_is_refused(fields, message):
    """A column that nothing could satisfy is refused when it is declared."""
    with pytest.raises(ValidationError, match=message):
        Column(name="x", **fields)


def test_schema_declares_a_name_once():
    """Two declarations of one name are refused."""
    with pytest.raises(ValidationError, match=r"declares x twice"):
        Schema(columns=(Column(name="x", kind="number"), Column(name="x", kind="number")))


def test_unknown_column_of_a_schema_is_an_error():
    """Asking for a column that is not declared says which are."""
    assert HOUSES["area_m2"].unit == "m²"
    with pytest.raises(SchemaError, match=r"no column 'area'.*area_m2"):
        HOUSES["area"]


def test_what_is_known_at_the_sale_is_marked():
    """The leaks are marked as known only at the sale."""
    assert HOUSES.known_at("sale") == ("sold_on", "price_eur", "sold_within_30_days", "agent_fee_eur", "days_on_market")


def test_empty_table_of_the_right_columns_fits():
    """No rows means no offending value."""
    frame = simulate(rows=5).houses.head(0)
    assert HOUSES.check(frame) is frame


def test_fitting_tells_good_rows_from_bad_as_check_does():
    """A table of the rows that fit passes the check, and one that keeps a single other row does not."""
    broken = simulate("schema_break", rows=400, seed=3).houses
    fits = HOUSES.fitting(broken)
    assert 0 < int(fits.sum()) < len(broken)
    assert HOUSES.check(broken[fits]) is not None
    for label in broken.index[~fits][:5]:
        with pytest.raises(SchemaError):
            HOUSES.check(broken[fits | (broken.index == label)])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda frame: frame.drop(columns="rooms"), "missing: rooms"),
        (lambda frame: frame.assign(area_m2="large"), "area_m2: holds"),
    ],
)
def test_fitting_refuses_a_table_of_another_shape(change, words):
    """A column that is gone or of another kind is no fault of single rows."""
    with pytest.raises(SchemaError, match=words):
        HOUSES.fitting(change(simulate(rows=50).houses))
