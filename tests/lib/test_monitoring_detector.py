"""Drift is alarmed at when it is large, no chance and lasting, against the same season, and not otherwise."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from lib.errors import DataError, MonitoringError
from lib.market import FEATURES, HOUSES, simulate
from lib.monitoring.calibrate import Thresholds, calibrate
from lib.monitoring.detector import DOMAIN, Detector, DriftPolicy, Finding, KOfN, WindowFinding, alarms
from lib.monitoring.history import History

WATCHED = tuple(name for name in FEATURES if name != "listed_month")
DAY = date(2024, 7, 1)


@pytest.fixture(scope="module")
def seasonal():
    """A year of the seasonal market, 100 listings a day, and its thresholds."""
    houses = simulate("seasonal", rows=36_600, days=366, seed=11).houses
    history = History(houses, WATCHED, day="listed_on", schema=HOUSES)
    return history, calibrate(history, windows=40)


def listings(scenario, seed=12, days=60):
    """Two months of summer after that year, by day."""
    houses = simulate(scenario, rows=100 * days, days=days, seed=seed, start=DAY).houses
    return [(day.date(), rows) for day, rows in houses.groupby("listed_on")]


def test_season_is_no_drift(seasonal):
    """Summer is compared with summer: half a year of country houses raises no alarm."""
    detector = Detector(*seasonal)
    windows = [detector.check(day, rows) for day, rows in listings("seasonal")]
    assert all(window.judged for window in windows)
    assert alarms(windows, detector.policy) == []


def test_a_reference_of_the_whole_year_sees_summer_as_drift(seasonal):
    """The known mistake: against the year, the share of country houses in July lies off; against July it does not."""
    history, _ = seasonal
    houses = simulate("seasonal", rows=36_600, days=366, seed=11).houses
    year = History(houses, WATCHED, day="listed_on", season_days=None, schema=HOUSES)
    july = history.columns.encode(pd.concat([rows for _, rows in listings("seasonal", days=60)[:30]]))
    same, whole = (
        {each.column: each for each in one.reference(DAY).compare(july)}["district"] for one in (history, year)
    )
    assert whole.psi > 5 * same.psi
    assert whole.p_value < 1e-6
    assert same.p_value > 0.001


def test_columns_that_keep_their_shape_may_still_drift_together(seasonal):
    """What hangs together anew is found, and named as what it is."""
    detector = Detector(*seasonal)
    houses = simulate("marginals", rows=6_000, days=60, seed=13, start=DAY)
    days = [(day.date(), rows) for day, rows in houses.houses.groupby("listed_on")]
    after = [detector.check(day, rows) for day, rows in days[30:40]]
    assert sum(DOMAIN in window.drifted for window in after) > 5


def test_a_large_sample_makes_significant_what_does_not_matter(seasonal):
    """Of 20,000 rows a tiny move is beyond chance, and no drift, for its effect is below the least that counts."""
    _, thresholds = seasonal
    random = np.random.default_rng(0)
    frame = pd.DataFrame({"x": random.normal(size=40_000)})
    history = History(frame, ["x"], day=None, season_days=None)
    given = thresholds.model_copy(update={"rows": 20_000, "psi": {"x": 0.02}, "moved_by": {"x": 0.1}})
    window = Detector(history, given).check(DAY, pd.DataFrame({"x": random.normal(0.05, size=20_000)}))
    (finding,) = [each for each in window.findings if each.column == "x"]
    assert finding.adjusted < 0.001
    assert not finding.drifted


def test_a_small_window_is_not_judged(seasonal):
    """Thresholds hold for the size of window that they were made for; what is much smaller says nothing."""
    detector = Detector(*seasonal)
    day, rows = listings("slide")[-1]
    window = detector.check(day, rows.head(40))
    assert (window.judged, window.findings) == (False, ())
    assert detector.check(day, rows).judged


def test_thresholds_shrink_with_the_window(seasonal):
    """A fixed 0.1 of PSI would alarm at every small window: chance alone makes more, and of large ones less."""
    _, small = seasonal
    houses = simulate("stable", rows=90_000, days=366, seed=5).houses
    weekly = houses.assign(week=houses["listed_on"].dt.to_period("W").dt.start_time)
    large = calibrate(History(weekly, ["area_m2"], day="week", season_days=None), windows=30, permutations=99)
    assert small.psi["area_m2"] > 0.1
    assert 0.02 <= large.psi["area_m2"] < 0.06
    assert (small.rows, large.rows) == pytest.approx((100, 1_720), rel=0.03)


def test_too_few_shuffles_are_refused(seasonal):
    """Of 99 shuffles the smallest p-value is 0.01, times nine tests: the domain classifier could never speak."""
    history, thresholds = seasonal
    with pytest.raises(MonitoringError, match=r"99 shuffles give no adjusted p-value below 0\.09"):
        Detector(history, thresholds.model_copy(update={"null": thresholds.null[:99]}))


def test_thresholds_travel_as_json(seasonal):
    """What was calibrated once is read back as it was."""
    _, thresholds = seasonal
    assert Thresholds.model_validate_json(thresholds.model_dump_json()) == thresholds


def test_season_needs_a_year():
    """Half a year has no summer to compare with; the way out is said."""
    houses = simulate(rows=500, days=180).houses
    with pytest.raises(MonitoringError, match=r"covers 180 days, and a reference of the same season needs a year"):
        History(houses, WATCHED, day="listed_on")
    with pytest.raises(MonitoringError, match="a season needs days"):
        History(houses, WATCHED, day=None)


def test_a_hole_in_the_season_is_said(seasonal):
    """A history without Julys cannot judge one."""
    houses = simulate(rows=8_000, days=366).houses
    history = History(houses[houses["listed_on"].dt.month != 7], WATCHED, day="listed_on")
    with pytest.raises(MonitoringError, match=r"0 rows in the season of 2024-07-15"):
        history.reference(date(2024, 7, 15))


def test_days_with_few_rows_are_no_windows():
    """Five listings a day cannot be told from noise; weeks can."""
    houses = simulate(rows=2_000, days=366).houses
    with pytest.raises(MonitoringError, match="Watch weeks instead of days"):
        calibrate(History(houses, WATCHED, day="listed_on", season_days=60))


def test_a_watched_column_that_is_not_delivered_is_an_error(seasonal):
    """A window without a column, or with text for numbers, is refused by name."""
    detector = Detector(*seasonal)
    day, rows = listings("stable")[0]
    with pytest.raises(DataError, match="the rows lack rooms"):
        detector.check(day, rows.drop(columns="rooms"))
    with pytest.raises(DataError, match="rooms holds"):
        detector.check(day, rows.assign(rooms="three"))


def test_values_that_go_missing_are_drift(seasonal):
    """A column of which half is gone drifts, though what is left of it is as it was."""
    detector = Detector(*seasonal)
    day, rows = listings("stable")[0]
    half = rows.assign(area_m2=rows["area_m2"].where(np.arange(len(rows)) % 2 == 0))
    assert "area_m2" in detector.check(day, half).drifted


def window(number, *drifted):
    """A judged window in which these columns drifted."""
    findings = tuple(Finding(column=name, p_value=0, adjusted=0, excess=2, drifted=True) for name in drifted)
    return WindowFinding(day=DAY + timedelta(days=number), rows=100, judged=True, findings=findings)


def test_one_bad_window_is_no_alarm():
    """It takes K of N in one column; windows that were not judged count neither way; only what lasted is named."""
    unjudged = WindowFinding(day=DAY, rows=3, judged=False)
    seen = [window(0, "a"), window(1), window(2, "c"), window(3, "b"), unjudged, window(5, "b", "c"), window(6)]
    (alarm,) = alarms(seen, DriftPolicy(k=2, n=3))
    assert (alarm.day, set(alarm.columns)) == (DAY + timedelta(days=5), {"b", "c"})
    assert alarms([window(0, "a"), window(1, "b"), window(2, "c")], DriftPolicy(k=2, n=3)) == []


def test_what_lasts_alarms_again():
    """An alarm begins the count anew: ten drifted windows are five alarms at 2 of 3, not nine."""
    memory = KOfN(2, 3)
    assert sum(bool(memory.add(["a"])) for _ in range(10)) == 5
    with pytest.raises(ValueError, match="3 of 2 windows cannot drift"):
        DriftPolicy(k=3, n=2)


def test_several_columns_may_be_asked_for():
    """Where two columns must last, one alone is no alarm."""
    memory = KOfN(2, 3, least=2)
    assert [memory.add(each) for each in (["a"], ["a"], ["a", "b"], ["b"])] == [(), (), (), ("a", "b")]
