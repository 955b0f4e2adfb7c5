"""What serving wrote, as plain JSON."""

from __future__ import annotations

import json

import duckdb
import pytest

from lib.errors import ServingError
from lib.serving import PredictionLog
from lib.serving.read import read_log, read_tables


def test_the_log_by_row(tmp_path):
    """Numbers as numbers, labels as text, times as text."""
    log = PredictionLog(tmp_path)
    for row, output in enumerate((1250.5, "A")):
        line = {"request_id": "r", "row": row, "at": "2024-05-01T10:00:00+00:00", "version": 3, "output": output}
        log.append(json.dumps(line).encode() + b"\n")
    found = sorted(read_log(str(tmp_path)), key=lambda line: line["row"])
    assert [(line["request_id"], line["version"], line["prediction"]) for line in found] == [
        ("r", 3, 1250.5), ("r", 3, "A"),
    ]  # fmt: skip
    assert all(line["at"].startswith("2024-05-01 ") for line in found)
    with pytest.raises(ServingError, match="no predictions"):
        read_log(str(tmp_path / "empty"))


def test_tables_sorted_with_days_as_text(tmp_path):
    """Whatever order they were written in; an unknown file or table is a clear error."""
    file = str(tmp_path / "book.duckdb")
    with duckdb.connect(file) as database:
        database.execute("CREATE TABLE book (house TEXT, day DATE, price DOUBLE)")
        database.execute("INSERT INTO book VALUES ('b', '2024-05-02', 2.5), ('a', '2024-05-01', NULL)")
    assert read_tables(file, ["book"]) == {"book": [["a", "2024-05-01", None], ["b", "2024-05-02", 2.5]]}
    with pytest.raises(ServingError, match="no database"):
        read_tables(str(tmp_path / "none.duckdb"), ["book"])
    with pytest.raises(ServingError, match="other"):
        read_tables(file, ["other"])
