"""Where tables and logs hold personal data, told without repeating it."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from lib.errors import PrivacyError
from lib.governance.privacy_scan import Found, require_none, scan_frame, scan_lines, scan_log, scan_names
from lib.market import FEATURES, HOUSES, PERSONAL, simulate


@pytest.fixture(scope="module")
def houses():
    return simulate("personal", rows=400, seed=2).houses


def test_every_personal_column_of_the_market_is_reported_and_no_other(houses):
    """By the schema, by name and by content; the columns that a model may use are clean."""
    found = scan_frame(houses, schema=PERSONAL)
    assert {each.column for each in found} == {"seller_name", "seller_email", "seller_phone", "remarks"}
    assert scan_frame(houses[list(FEATURES)]) == []
    assert scan_frame(houses[list(HOUSES.names)], schema=HOUSES) == []


def test_content_is_counted_by_rows_and_kind(houses):
    """Three rows with an address are three, whatever the column is called."""
    frame = pd.DataFrame({"note": ["a@example.com", "0912 345 678 or b@example.com", None, "c@example.com", "no"]})
    assert [str(each) for each in scan_frame(frame)] == [
        "note: email in 3 of 5 rows",
        "note: phone in 1 of 5 rows",
    ]
    by_content = [each for each in scan_frame(houses[["remarks"]]) if each.by == "content"]
    assert {each.kind for each in by_content} == {"email", "phone", "iban"}


def test_names_are_known_by_the_schema_alone(houses):
    """Nobody can find a name in prose by its form; the column's declaration is what counts."""
    frame = pd.DataFrame({"told_us": list(houses["seller_name"])})
    assert scan_frame(frame) == []
    declared = PERSONAL.model_copy(
        update={"columns": (PERSONAL["seller_name"].model_copy(update={"name": "told_us"}),)}
    )
    (found,) = scan_frame(frame, schema=declared)
    assert (found.column, found.kind, found.by) == ("told_us", "personal", "schema")


def test_numbers_that_are_ids_are_read_and_measures_are_not():
    """A card number may arrive as an integer or a float; prices, days and truths are left alone."""
    frame = pd.DataFrame(
        {
            "card": np.array([4111111111111111], dtype="int64"),
            "as_float": [4111111111111111.0],
            "price_eur": [450_000.5],
            "sold": [True],
            "on": [pd.Timestamp("2024-05-01")],
        }
    )
    assert {(each.column, each.kind) for each in scan_frame(frame)} == {("card", "card"), ("as_float", "card")}


@pytest.mark.parametrize("name", ["seller_name", "HoTen tên", "homeAddress", "Straße", "phone_2", "SSN", "birthDate"])
def test_a_telling_column_name_is_enough(name):
    """In several languages and spellings."""
    assert [each.by for each in scan_names([name])] == ["name"]


@pytest.mark.parametrize("name", ["file_name", "model_name", "distance_km", "listed_on", "namespace", "telling"])
def test_innocent_column_names_are_passed_over(name):
    """What is called a name of a thing, or only holds the letters."""
    assert scan_names([name]) == []


def test_a_log_is_read_line_by_line_and_field_by_field(tmp_path):
    """JSON lines by the path of the field, plain lines as text."""
    lines = [
        json.dumps({"request_id": "r1", "features": {"remarks": "write to a@example.com", "area_m2": 80.0}}),
        json.dumps({"request_id": "r2", "features": {"remarks": "quiet"}, "more": [["0912 345 678"]]}),
        "WARNING could not reach a@example.com",
    ]
    expected = [
        Found(column="features.remarks", kind="email", by="content", rows=1, of=3),
        Found(column="more", kind="phone", by="content", rows=1, of=3),
        Found(column="text", kind="email", by="content", rows=1, of=3),
    ]
    assert scan_lines(lines) == expected
    file = tmp_path / "one.jsonl"
    file.write_text("\n".join(lines), "utf-8")
    assert scan_log([file]) == expected
    assert scan_lines([]) == []
    with pytest.raises(PrivacyError, match="absent"):
        scan_log([tmp_path / "absent"])


def test_no_report_repeats_what_it_found(houses):
    """The report can be shown to anybody."""
    told = repr(scan_frame(houses, schema=PERSONAL))
    assert not any(address in told for address in houses["seller_email"])


def test_a_table_with_personal_data_does_not_pass(houses):
    """The error names columns and kinds, and not a single value; a clean table comes back itself."""
    clean = houses[list(FEATURES)]
    assert require_none(clean, what="the features") is clean
    with pytest.raises(PrivacyError, match="personal data in the features") as raised:
        require_none(houses[["area_m2", "seller_email"]], what="the features")
    assert "seller_email: email" in str(raised.value)
    assert "example" not in str(raised.value)
