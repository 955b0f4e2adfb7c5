"""Evidently's report says which method it used, for a person and for a machine, and nothing loads it by accident."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest

from lib.cli import main
from lib.errors import MonitoringError
from lib.market import HOUSES, simulate
from lib.monitoring.preset import preset_scores
from lib.monitoring.reports import CATEGORICAL, NUMERIC, Method, write_report
from lib.monitoring.table import watched_columns
from lib.monitoring.trial import CATEGORICAL as NAMES
from lib.monitoring.trial import NUMERIC as NUMBERS

WATCHED = ("area_m2", "condition", "district", "has_garden")


@pytest.fixture(scope="module")
def sides():
    """1,500 rows of before the slide, and 500 of after it."""
    houses = simulate("slide", rows=4_000, seed=3).houses
    return houses[:1_500], houses[-500:]


def test_page_and_numbers_say_the_same(sides, tmp_path):
    """A page that needs nothing from outside, and JSON with method, threshold and direction beside each value."""
    reference, window = sides
    report = write_report(reference, window, watched_columns(reference, WATCHED, schema=HOUSES), tmp_path)
    page = (tmp_path / "drift.html").read_text("utf-8")
    assert "<script src=" not in page
    assert "Data Drift" in page
    read = json.loads((tmp_path / "drift.json").read_text())
    assert (read["reference_rows"], read["window_rows"]) == (1_500, 500)
    columns = {each["column"]: each for each in read["columns"]}
    assert set(columns) == set(WATCHED)
    assert columns["area_m2"]["method"] == NUMERIC.name
    assert columns["district"]["method"] == CATEGORICAL.name
    assert {"area_m2", "district", "has_garden"} <= set(report.drifted)
    assert "condition" not in report.drifted


def test_a_p_value_and_a_distance_point_opposite_ways(sides, tmp_path):
    """With KS and χ² the same drift is a small number, below the threshold."""
    reference, window = sides
    report = write_report(
        reference, window, watched_columns(reference, WATCHED, schema=HOUSES), tmp_path,
        numeric=Method(name="ks", threshold=0.01), categorical=Method(name="chisquare", threshold=0.01),
    )  # fmt: skip
    area = next(each for each in report.columns if each.column == "area_m2")
    assert (area.method, area.drifts, area.drifted) == ("ks", "below", True)
    assert area.value < 1e-6
    assert Method(name="psi", threshold=0.1).drifted(0.1)
    assert not Method(name="ks", threshold=0.1).drifted(0.1)


def test_preset_scores_are_those_of_the_real_preset(sides):
    """What the drift table takes for Evidently's preset is what its report says, column by column."""
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    reference, window = (side[[*NUMBERS, *NAMES]].astype({"has_garden": "str"}) for side in sides)
    definition = DataDefinition(numerical_columns=list(NUMBERS), categorical_columns=list(NAMES))
    current, before = (Dataset.from_pandas(side, data_definition=definition) for side in (window, reference))
    metrics = Report([DataDriftPreset()]).run(current, before).dict()["metrics"]
    theirs = {
        each["config"]["column"]: float(each["value"]) / each["config"]["threshold"]
        for each in metrics
        if "column" in each["config"]
    }
    assert preset_scores(*sides, numeric=NUMBERS, categorical=NAMES) == pytest.approx(theirs)


def test_preset_scores_of_a_small_reference_are_refused(sides):
    """Below 1,000 rows the preset's values turn round, and a quotient means nothing."""
    reference, window = sides
    with pytest.raises(MonitoringError, match="900 rows, and up to 1,000 the preset takes p-values"):
        preset_scores(reference[:900], window, numeric=NUMBERS, categorical=NAMES)


def test_a_window_without_rows_or_columns_is_refused(sides, tmp_path):
    """No report of nothing."""
    reference, window = sides
    columns = watched_columns(reference, WATCHED, schema=HOUSES)
    with pytest.raises(MonitoringError, match="the window has 0 rows"):
        write_report(reference, window[:0], columns, tmp_path)
    with pytest.raises(MonitoringError, match="the window has 500 rows and lacks district"):
        write_report(reference, window.drop(columns="district"), columns, tmp_path)


def test_the_server_never_loads_evidently():
    """Reports are not on the way of a request: neither the server nor the detectors import what takes seconds."""
    code = (
        "import sys, lib.serving.app, lib.monitoring.detector, lib.monitoring.store, lib.monitoring.reports\n"
        "print([name for name in ('evidently', 'plotly', 'river') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_command_writes_a_report_of_a_story_or_of_files(sides, tmp_path, capsys):
    """`report` without files tells the slide and names what drifted; with one file only it says what is missing."""
    assert main(["report", "--no-open", "--out", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert re.search(r"^district +jensenshannon +0\.\d+  drifts from 0\.1  drifted$", said, re.MULTILINE)
    assert (tmp_path / "drift.html").stat().st_size > 1_000_000
    reference, window = tmp_path / "reference.parquet", tmp_path / "window.csv"
    sides[0].to_parquet(reference)
    sides[1].to_csv(window, index=False)
    assert (
        main(["report", "--no-open", "--out", str(tmp_path), "--reference", str(reference), "--window", str(window)])
        == 0
    )
    assert json.loads((tmp_path / "drift.json").read_text())["window_rows"] == 500
    assert main(["report", "--no-open", "--reference", str(reference)]) == 1
    assert "Give both --reference and --window" in capsys.readouterr().err
