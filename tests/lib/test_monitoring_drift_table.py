"""The published table is what the code gives, its bars are met, and its figures are counted as it says."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from lib.cli import main
from lib.errors import MonitoringError
from lib.monitoring import DriftPolicy, drift_table
from lib.monitoring.drift_picture import lines
from lib.monitoring.drift_table import (
    CALIBRATION,
    OURS,
    SIZES,
    TUNED,
    DriftTable,
    make_table,
    run_trials,
    scored_runs,
    with_preset,
)
from lib.monitoring.rates import median_interval, upper_rate
from lib.monitoring.trial import CALM, WATCHED, WINDOWS, Trial, course, try_detectors

ROOT = Path(__file__).resolve().parents[2]
PUBLISHED = ROOT / "assets/drift_table.json"


@pytest.fixture(scope="module")
def published():
    """The committed table."""
    return DriftTable.model_validate_json(PUBLISHED.read_text("utf-8"))


@pytest.mark.thorough
@pytest.mark.parametrize("scenario", ["stable", "seasonal", "slide", "marginals", "gradual"])
def test_a_run_gives_what_is_published(published, scenario):
    """One run of each kind, done again from its seed, alarms on the days that the table has."""
    said = next(run for run in published.runs if run.scenario == scenario)
    alpha = next(setting.alpha for setting in published.settings if setting.detector == OURS)
    with threadpool_limits(1):
        trial = try_detectors(scenario, said.run, preset=False)
    assert trial.onset == said.onset
    policy = DriftPolicy(alpha=alpha, k=published.k, n=published.n)
    assert tuple(trial.alarms(policy)) == said.alarms


def test_every_bar_is_met(published):
    """At most one false alarm a year is not excluded, no slide is missed, and the peer is no quicker."""
    assert [bar.name for bar in published.bars if not bar.met] == []
    assert len(published.bars) == 4
    for scenario in CALM:
        assert published.row(OURS, scenario).upper_a_month * 12 <= 1
    assert published.row(OURS, "slide").found == SIZES["slide"]


def test_the_table_follows_from_its_runs(published):
    """False alarms and misses of ours are those that the listed alarms give; two hundred runs are listed."""
    assert [run.run for run in published.runs] == list(range(200))
    for scenario, size in SIZES.items():
        runs = [run for run in published.runs if run.scenario == scenario]
        row = published.row(OURS, scenario)
        assert len(runs) == row.runs == size
        ends = [WINDOWS if run.onset is None else run.onset for run in runs]
        false = sum(place < end for run, end in zip(runs, ends, strict=True) for place in run.alarms)
        assert (row.false_alarms, row.calm_windows) == (false, sum(ends))
        missed = sum(run.onset is not None and not any(place >= run.onset for place in run.alarms) for run in runs)
        assert row.missed == missed


def test_the_guide_quotes_the_table(published):
    """Each figure of the operator's guide's paragraph on drift is the table's."""
    said = " ".join((ROOT / "lib" / "README.md").read_text("utf-8").split())
    stable, seasonal, slide, pair = published.bars
    assert (
        f"{stable.found:.2f} false alarms a year in stable markets (up to {stable.high:.2f} are not excluded)" in said
    )
    assert (seasonal.found, seasonal.high) == (stable.found, stable.high)
    assert f"all {slide.n} slides found, {published.row(OURS, 'slide').delay:g} days in" in said
    assert f"difference in {pair.n} pairs is {pair.found:g} days, from {pair.low:g} to {pair.high:g})" in said
    older = [published.row(detector, "gradual").delay for detector in (TUNED, OURS)]
    assert f"{older[0]:g} days for our {older[1]:g}" in said


def test_the_chosen_alpha_is_the_default(published):
    """Whoever takes the policy as it is gets what was calibrated."""
    (alpha,) = [setting.alpha for setting in published.settings if setting.detector == OURS]
    assert (DriftPolicy().alpha, DriftPolicy().k, DriftPolicy().n) == (alpha, published.k, published.n)


def test_calibration_and_score_share_no_seed():
    """What thresholds are chosen on is never scored, and each run has houses of its own."""
    runs = [run for _, run in (*CALIBRATION, *scored_runs())]
    assert len(set(runs)) == len(runs)
    assert {scenario for scenario, _ in CALIBRATION} == {"stable"}
    assert len(with_preset()) == 20


def test_history_and_days_of_a_run_are_apart():
    """The year before ends where the ninety days begin, and drift begins in the middle of these."""
    given = course("slide", 7)
    assert given.history["listed_on"].max().date() < given.days[0][0]
    assert (len(given.days), given.onset) == (WINDOWS, 45)
    assert not given.history["area_m2"].head(50).equals(given.days[0][1]["area_m2"].head(50).reset_index(drop=True))


def trial(run, scenario, *, onset, drifted, preset=()):
    """A trial in which our first column drifts in these windows, and the peer's by these scores."""
    adjusted = np.ones((WINDOWS, len(WATCHED) + 1))
    adjusted[list(drifted), 0] = 1e-6
    scores = np.zeros((WINDOWS, len(WATCHED)))
    for place, score in preset:
        scores[place, 0] = score
    return Trial(
        run=run, scenario=scenario, onset=onset, adjusted=tuple(map(tuple, adjusted.tolist())),
        preset=tuple(map(tuple, scores.tolist())),
    )  # fmt: skip


def trials():
    """All runs: calm markets stay calm, we find every drift three days in, the peer five; but for one of each."""
    found = [trial(run, scenario, onset=None, drifted=()) for scenario, run in CALIBRATION]
    for scenario, run in scored_runs():
        onset = None if scenario in CALM else 45
        late = [] if onset is None else [(place, 3.0) for place in (49, 50)]
        found.append(trial(run, scenario, onset=onset, drifted=() if onset is None else (47, 48), preset=late))
    return found


def test_false_alarms_misses_and_delays_are_counted():
    """An alarm before the drift is false, none after it a miss as late as the last day, and the pair is compared."""
    made = trials()
    first_slide = next(place for place, each in enumerate(made) if each.scenario == "slide")
    made[first_slide] = trial(made[first_slide].run, "slide", onset=45, drifted=(10, 11), preset=[(50, 3.0), (51, 3.0)])
    table = make_table(made)
    ours, theirs = table.row(OURS, "slide"), table.row(TUNED, "slide")
    assert (ours.false_alarms, ours.missed, ours.found, ours.delay) == (1, 1, 24, 3)
    assert (theirs.false_alarms, theirs.missed) == (0, 0)
    slide, paired = table.bars[2], table.bars[3]
    assert (slide.found, slide.met) == (1, False)
    assert (paired.found, paired.met, paired.n) == (-2, True, 100)
    assert sum("MISSED" in line for line in lines(table)) == 1


def test_thresholds_keep_to_the_budget():
    """A noisy calibration makes both sides stricter, by the same rule, or nothing is chosen."""
    made = trials()
    noisy = [trial(each.run, "stable", onset=None, drifted=(), preset=[(3, 1.4), (4, 1.4)]) for each in made[:20]]
    table = make_table([*noisy, *made[20:]])
    (tuned,) = [setting for setting in table.settings if setting.detector == TUNED]
    assert (tuned.false_alarms, tuned.columns) == (0, 1)
    assert tuned.factor == pytest.approx(1.42)
    wild = [trial(each.run, "stable", onset=None, drifted=range(0, 90, 2)) for each in made[:20]]
    with pytest.raises(MonitoringError, match="every setting raises more than 1 false alarm"):
        make_table([*wild, *made[20:]])


def test_trials_go_on_where_they_were(tmp_path, monkeypatch):
    """What was done is not done again, a line that a crash cut off is, and the order is that of the plan."""
    plan = {each.run: each for each in trials()}
    done = []

    def try_again(scenario, run, *, preset):
        done.append(run)
        return plan[run]

    monkeypatch.setattr(drift_table, "try_detectors", try_again)
    record = tmp_path / "trials.jsonl"
    whole = [each.model_dump_json() for each in list(plan.values())[:217]]
    record.write_text("\n".join(whole) + "\n" + whole[0][:40])
    assert run_trials(record, say=lambda _: None) == list(plan.values())
    assert done == [197, 198, 199]
    assert run_trials(record, say=lambda _: None) == list(plan.values())
    assert len(done) == 3


def test_the_command_writes_the_table_and_its_picture(tmp_path, capsys):
    """From finished trials `drift-table` writes JSON and picture, prints the bars, and its exit code is theirs."""
    record = tmp_path / "trials.jsonl"
    record.write_text("".join(each.model_dump_json() + "\n" for each in trials()))
    out = tmp_path / "table.json"
    assert main(["drift-table", "--trials", str(record), "--out", str(out)]) == 0
    assert json.loads(out.read_text())["bars"][0]["met"]
    assert (tmp_path / "table.png").read_bytes().startswith(b"\x89PNG")
    assert "slide: runs missed: 0 (n = 25), at most 0: met" in capsys.readouterr().out


def test_rates_have_an_honest_end():
    """No event in a year excludes no more than three; the interval of a median holds it."""
    assert upper_rate(0, 1.0) == pytest.approx(3.0, abs=0.01)
    assert upper_rate(5, 10.0) == pytest.approx(1.05, abs=0.01)
    middle, low, high = median_interval([1, 2, 3, 4, 100])
    assert low <= middle == 3 <= high
