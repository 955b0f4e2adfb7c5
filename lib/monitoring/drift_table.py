"""The published table: how often the detectors cry wolf, what they miss, and how late they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field
from threadpoolctl import threadpool_limits

from lib.errors import MonitoringError
from lib.monitoring.compare import Frozen
from lib.monitoring.detector import DriftPolicy
from lib.monitoring.history import YEAR_DAYS
from lib.monitoring.rates import MONTH_DAYS, median_interval, upper_rate
from lib.monitoring.trial import CALM, CATEGORICAL, HISTORY_DAYS, NUMERIC, ROWS_A_DAY, WINDOWS, Trial, try_detectors

CALIBRATION = tuple(("stable", 10_000 + number) for number in range(20))
"""The family that thresholds are chosen on: stable markets, of seeds that nothing is scored on."""

SIZES = {"stable": 50, "seasonal": 50, "slide": 25, "marginals": 25, "jump": 25, "gradual": 25}
PRESET_SIZES = {"stable": 3, "seasonal": 3, "slide": 5, "marginals": 3, "jump": 3, "gradual": 3}
ALPHAS = (0.2, 0.1, 0.05, 0.02, 0.01)
FACTORS = tuple(round(0.5 + 0.02 * step, 2) for step in range(126))
COLUMNS = (1, 2, 3, 4)
HALF = (len(NUMERIC) + len(CATEGORICAL)) // 2
"""So many columns must drift for the preset to call it drift, as it comes: its `drift_share` is 0.5."""

FALSE_ALARMS_A_YEAR = 1.0
OURS, AS_IT_COMES, TUNED = "ours", "Evidently's preset", "Evidently's preset, tuned"


class Setting(Frozen):
    """What was chosen on the calibration runs, and how many false alarms it raised there.

    `columns` must drift for the preset to alarm, each by `factor` times its threshold.
    """

    detector: str
    alpha: float | None = None
    columns: int | None = None
    factor: float | None = None
    false_alarms: int = Field(ge=0)
    upper_a_year: float = Field(ge=0)


class Row(Frozen):
    """One detector on one kind of market.

    Windows before the drift, or all of a calm market, can raise only false alarms; their rate is a month of daily
    windows, with the upper end of its 95 % interval. `delay` is the median, in days from the first that differs, over
    all runs; a run in which nothing was found counts as late as its last day.
    """

    detector: str
    scenario: str
    runs: int
    calm_windows: int
    false_alarms: int
    false_a_month: float
    upper_a_month: float
    found: int
    missed: int
    delay: float | None = None
    delay_low: float | None = None
    delay_high: float | None = None


class Bar(Frozen):
    """What was promised, and what came of it."""

    name: str
    found: float
    low: float | None = None
    high: float | None = None
    at_most: float
    n: int
    met: bool


class Alarms(Frozen):
    """The alarms of one scored run of ours, for whoever replays it."""

    run: int
    scenario: str
    onset: int | None
    alarms: tuple[int, ...]


class DriftTable(Frozen):
    """Everything that README and lab draw from."""

    rows_a_day: int
    history_days: int
    windows: int
    k: int
    n: int
    calibration_runs: int
    settings: tuple[Setting, ...]
    rows: tuple[Row, ...]
    bars: tuple[Bar, ...]
    runs: tuple[Alarms, ...]

    def row(self, detector: str, scenario: str) -> Row:
        """The row of a detector on a kind of market; raises MonitoringError when there is none."""
        for row in self.rows:
            if (row.detector, row.scenario) == (detector, scenario):
                return row
        raise MonitoringError(f"the table has no row for {detector!r} on {scenario!r}.")


def scored_runs() -> list[tuple[str, int]]:
    """The scored runs, by kind of market, each run with a seed of its own."""
    kinds = [scenario for scenario, size in SIZES.items() for _ in range(size)]
    return [(scenario, run) for run, scenario in enumerate(kinds)]


def with_preset() -> set[int]:
    """The scored runs in which Evidently's preset is asked as well: the first of each kind."""
    chosen, left = set(), dict(PRESET_SIZES)
    for scenario, run in scored_runs():
        if left[scenario]:
            left[scenario] -= 1
            chosen.add(run)
    return chosen


def run_trials(record: Path, *, say: Callable[[str], None]) -> list[Trial]:
    """All trials, calibration first; each is added to the file `record` once it is done, and not run again."""
    record.parent.mkdir(parents=True, exist_ok=True)
    done = {trial.run: trial for trial in _recorded(record)}
    asked = with_preset()
    planned = [*CALIBRATION, *scored_runs()]
    with record.open("a", encoding="utf-8") as lines, threadpool_limits(1):
        for place, (scenario, run) in enumerate(planned, start=1):
            if run in done:
                continue
            trial = try_detectors(scenario, run, preset=run in asked or run >= CALIBRATION[0][1])
            lines.write(trial.model_dump_json() + "\n")
            lines.flush()
            done[run] = trial
            say(f"{place:3} of {len(planned)}  {scenario} {run}")
    return [done[run] for _, run in planned]


def _recorded(record: Path) -> Iterator[Trial]:
    """The trials in the file; a last line that was cut off is none."""
    if not record.exists():
        return
    whole, cut, torn = record.read_bytes().rpartition(b"\n")
    if torn:
        record.write_bytes(whole + cut)
    for line in whole.splitlines():
        yield Trial.model_validate_json(line)


def make_table(trials: Sequence[Trial], policy: DriftPolicy | None = None) -> DriftTable:
    """Choose thresholds on the calibration runs, and score all others with them, both through the same K of N."""
    policy = policy or DriftPolicy()
    calm = [trial for trial in trials if trial.run >= CALIBRATION[0][1]]
    scored = [trial for trial in trials if trial.run < CALIBRATION[0][1]]
    paired = [trial for trial in scored if trial.preset]
    ours = _choose_alpha(calm, policy)
    tuned = _choose_columns([_choose_factor(calm, policy, columns) for columns in COLUMNS], paired, policy)
    as_it_comes, with_factor = _preset_alarms(policy, HALF, 1.0), _preset_alarms(policy, tuned.columns, tuned.factor)
    preset = Setting(detector=AS_IT_COMES, columns=HALF, factor=1.0, **_false(calm, as_it_comes))
    by_ours = _our_alarms(policy, ours.alpha)
    detectors = {OURS: (scored, by_ours), AS_IT_COMES: (paired, as_it_comes), TUNED: (paired, with_factor)}
    rows = tuple(
        _row(name, scenario, [trial for trial in seen if trial.scenario == scenario], alarms)
        for name, (seen, alarms) in detectors.items()
        for scenario in SIZES
    )
    return DriftTable(
        rows_a_day=ROWS_A_DAY, history_days=HISTORY_DAYS, windows=WINDOWS, k=policy.k, n=policy.n,
        calibration_runs=len(calm), settings=(ours, preset, tuned), rows=rows,
        bars=(*_bars(rows), _paired_bar(paired, by_ours, detectors[TUNED][1])),
        runs=tuple(
            Alarms(run=trial.run, scenario=trial.scenario, onset=trial.onset, alarms=tuple(by_ours(trial)))
            for trial in scored
        ),
    )  # fmt: skip


Raised = Callable[[Trial], list[int]]


def _our_alarms(policy: DriftPolicy, alpha: float | None) -> Raised:
    chosen = policy.model_copy(update={"alpha": alpha})
    return lambda trial: trial.alarms(chosen)


def _preset_alarms(policy: DriftPolicy, columns: int | None, factor: float | None) -> Raised:
    return lambda trial: trial.preset_alarms(policy, columns=columns or 1, factor=factor or 1.0)


def _false(trials: Sequence[Trial], alarms: Raised) -> dict[str, Any]:
    false, windows = _counted(trials, alarms)
    return {"false_alarms": false, "upper_a_year": round(upper_rate(false, windows / YEAR_DAYS), 3)}


def _counted(trials: Sequence[Trial], alarms: Raised) -> tuple[int, int]:
    """False alarms, and the windows that could raise them."""
    ends = [len(trial.adjusted) if trial.onset is None else trial.onset for trial in trials]
    false = sum(sum(place < end for place in alarms(trial)) for trial, end in zip(trials, ends, strict=True))
    return false, sum(ends)


def _choose_alpha(calm: Sequence[Trial], policy: DriftPolicy) -> Setting:
    """The most sensitive of `ALPHAS` that keeps to the budget of false alarms, upper end of the interval included."""
    return _first_within_budget(
        Setting(detector=OURS, alpha=alpha, **_false(calm, _our_alarms(policy, alpha))) for alpha in ALPHAS
    )


def _choose_factor(calm: Sequence[Trial], policy: DriftPolicy, columns: int) -> Setting:
    """By the same rule: the smallest multiple of the preset's thresholds, where so many columns must drift."""
    return _first_within_budget(
        Setting(
            detector=TUNED, columns=columns, factor=factor, **_false(calm, _preset_alarms(policy, columns, factor))
        )
        for factor in FACTORS
    )  # fmt: skip


def _first_within_budget(settings: Iterator[Setting]) -> Setting:
    for setting in settings:
        if setting.upper_a_year <= FALSE_ALARMS_A_YEAR:
            return setting
    raise MonitoringError(f"every setting raises more than {FALSE_ALARMS_A_YEAR:g} false alarm a year on calm markets.")


def _choose_columns(settings: Sequence[Setting], scored: Sequence[Trial], policy: DriftPolicy) -> Setting:
    """With hindsight, in favour of the peer: the number of columns whose mean delay on the scored runs is shortest."""
    moved = [trial for trial in scored if trial.onset is not None]

    def mean_delay(setting: Setting) -> float:
        alarms = _preset_alarms(policy, setting.columns, setting.factor)
        return float(np.mean([_delay(trial, alarms)[0] for trial in moved]))

    return min(settings, key=mean_delay)


def _delay(trial: Trial, alarms: Raised) -> tuple[int, bool]:
    """Days from the first that differs to the alarm, and whether there was one before the trial ended."""
    onset = trial.onset or 0
    first = next((place for place in alarms(trial) if place >= onset), None)
    return (len(trial.adjusted) if first is None else first) - onset, first is not None


def _row(detector: str, scenario: str, trials: Sequence[Trial], alarms: Raised) -> Row:
    false, windows = _counted(trials, alarms)
    moved = [_delay(trial, alarms) for trial in trials if trial.onset is not None]
    delay = median_interval([days for days, _ in moved]) if moved else (None, None, None)
    return Row(
        detector=detector, scenario=scenario, runs=len(trials), calm_windows=windows, false_alarms=false,
        false_a_month=round(false / windows * MONTH_DAYS, 4),
        upper_a_month=round(upper_rate(false, windows / MONTH_DAYS), 4),
        found=sum(found for _, found in moved), missed=sum(not found for _, found in moved),
        delay=delay[0], delay_low=delay[1], delay_high=delay[2],
    )  # fmt: skip


def _bars(rows: Sequence[Row]) -> list[Bar]:
    ours = {row.scenario: row for row in rows if row.detector == OURS}
    slide = ours["slide"]
    missed = Bar(name="slide: runs missed", found=slide.missed, at_most=0, n=slide.runs, met=slide.missed == 0)
    return [*(_calm_bar(ours[scenario]) for scenario in CALM), missed]


def _calm_bar(row: Row) -> Bar:
    """Met only when the upper end of the interval is."""
    rate, upper = row.false_alarms / row.calm_windows * YEAR_DAYS, row.upper_a_month * 12
    return Bar(
        name=f"{row.scenario}: false alarms a year", found=round(rate, 3), high=round(upper, 3),
        at_most=FALSE_ALARMS_A_YEAR, n=row.calm_windows, met=upper <= FALSE_ALARMS_A_YEAR,
    )  # fmt: skip


def _paired_bar(paired: Sequence[Trial], ours: Raised, theirs: Raised) -> Bar:
    """On the same runs: the median of our delay less that of the tuned preset, with its interval."""
    moved = [trial for trial in paired if trial.onset is not None]
    median, low, high = median_interval([_delay(trial, ours)[0] - _delay(trial, theirs)[0] for trial in moved])
    name = "median delay, ours less the tuned preset's, days"
    return Bar(name=name, found=median, low=low, high=high, at_most=0, n=len(moved), met=median <= 0)
