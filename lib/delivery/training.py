"""Continuous training: day by day through a quarter, train when the triggers say so, and keep only what wins."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Literal

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from lib.delivery.monitor import KEY, KNOWN, Monitor, inputs
from lib.delivery.quarter import START, Event, Quarter
from lib.delivery.triggers import Decision, Frozen, MonitoringState, TriggerPolicy, decide
from lib.market import PRICE
from lib.registry.comparison import Gain, paired_gain
from lib.tracking import default_pipeline
from lib.tracking.training import Division, plan, prepare

FIRST_TRAINING_DAYS = 90
"""Before the quarter begins: that long ago the first champion was trained, and everything has been running since."""
JUDGED_DAYS = 14
DELIVERY_DAYS = 2

Outcome = Literal["won", "lost"]


class Attempt(Frozen):
    """A training and its judgement: both errors on the same `judged` rows, which neither model was trained on."""

    triggers: tuple[str, ...]
    outcome: Outcome
    trained: int
    judged: int
    candidate: float
    champion: float
    gain: float
    low: float
    high: float
    registered: int | None = None

    def __str__(self) -> str:
        """The judgement in words."""
        return (
            f"RMSE {self.candidate:,.0f} against {self.champion:,.0f} EUR on {self.judged} unseen sales: gain "
            f"{self.gain:+.1%} ({self.low:+.1%} to {self.high:+.1%})"
        )


class Day(Frozen):
    """One day: who answered, what was known, what was decided, and what came of it."""

    day: date
    champion: int
    state: MonitoringState
    decision: Decision
    attempt: Attempt | None = None


class Happening(Frozen):
    """What really happened, for whoever reads the record: from `starts` until the day before `ends`."""

    kind: str
    starts: date
    ends: date
    note: str


class Record(Frozen):
    """A whole quarter; JSON in and out."""

    story: str
    policy: TriggerPolicy
    events: tuple[Happening, ...]
    days: tuple[Day, ...]

    def table(self) -> str:
        """A line for each training, and for each stretch of days on which one was held back for the same reason."""
        lines, before = [], ""
        for day in self.days:
            why = day.decision.held_back.partition(":")[0]
            if day.attempt is not None:
                candidate = f", candidate {day.attempt.registered}" if day.attempt.registered else ""
                lines.append(
                    f"{day.day}  {'+'.join(day.decision.fired):26}{day.attempt.outcome}{candidate}: {day.attempt}"
                )
            elif why and why != before:
                lines.append(f"{day.day}  {'+'.join(day.decision.fired):26}held back: {day.decision.held_back}")
            before = why
        return "\n".join(lines)

    @property
    def attempts(self) -> tuple[Day, ...]:
        """The days on which a model was trained."""
        return tuple(day for day in self.days if day.attempt is not None)


@dataclass(frozen=True, kw_only=True)
class Challenger:
    """A fitted model, the table and recipe that make it again, and the rows that it was trained and judged on."""

    model: Any
    estimator: Any
    table: pd.DataFrame
    division: Division
    trained: pd.DataFrame
    judged: pd.DataFrame


Register = Callable[[Challenger], int]


def continuous_training(
    quarter: Quarter, policy: TriggerPolicy, *, confidence: float = 0.95, register: Register | None = None
) -> Record:
    """Go through `quarter` and train whenever `decide` says so.

    A challenger learns from the sound sales known by then, but for the last two weeks' worth: on these it is set
    against the champion, row by row. It wins when the whole interval of its gain lies above zero; then it is handed to
    `register`, as the first champion was, and answers two days later: an approval and a rollout take time.
    """
    import sklearn.ensemble  # noqa: F401  only the threads of a library that is loaded can be limited

    # These models are small: more threads than one wait for each other.
    with threadpool_limits(1):
        run = _Run(quarter, policy, confidence, register)
        for number in range(FIRST_TRAINING_DAYS):
            run.day(run.first + timedelta(days=number))
        days = [run.day(quarter.starts + timedelta(days=number)) for number in range(quarter.days)]
    return Record(story=quarter.story, policy=policy, events=tuple(map(_happening, quarter.events)), days=tuple(days))


class _Run:
    """The quarter so far: the champion, what is on its way to replace it, and the days of all trainings."""

    def __init__(self, quarter: Quarter, policy: TriggerPolicy, confidence: float, register: Register | None) -> None:
        self._policy, self._confidence, self._register = policy, confidence, register
        self._monitor = Monitor(quarter)
        self._version = 1
        self._attempts: list[date] = []
        self._coming: tuple[date, Challenger, float] | None = None
        self.first = first = quarter.starts - timedelta(days=FIRST_TRAINING_DAYS)
        self._monitor.receive(START, first - timedelta(days=1))
        self._champion = train(self._monitor.known(first), first)
        self._reference = _rmse(self._champion.model, self._champion.judged)
        self._trained_on = first
        if register:
            register(self._champion)

    def day(self, today: date) -> Day:
        """In the morning decide by what was known until yesterday; then answer, and receive what comes in."""
        self._deliver(today)
        state = self._state(today)
        decision = decide(state, self._policy)
        attempt = self._attempt(today, decision) if decision.retrain else None
        version = self._version
        self._monitor.predict(self._champion.model, version, today, today)
        self._monitor.receive(today, today)
        return Day(day=today, champion=version, state=state, decision=decision, attempt=attempt)

    def _state(self, today: date) -> MonitoringState:
        known = self._monitor.known(today)
        since = max((self._trained_on, *self._attempts))
        return MonitoringState(
            today=today,
            trained_on=self._trained_on,
            new_rows=int((known[KNOWN] >= pd.Timestamp(since)).sum()),
            bad_share=self._monitor.bad_share(today),
            reference=self._reference,
            live=self._monitor.live(today, self._version),
            attempts=tuple(self._attempts),
        )

    def _attempt(self, today: date, decision: Decision) -> Attempt:
        self._attempts.append(today)
        challenger = train(self._monitor.known(today), today)
        found, judged = judge(challenger, self._champion, confidence=self._confidence)
        won, registered = found.low > 0, None
        if won:
            registered = self._register(challenger) if self._register else None
            self._coming = (today, challenger, found.candidate)
        return Attempt(
            triggers=decision.fired, outcome="won" if won else "lost", trained=len(challenger.trained), judged=judged,
            candidate=found.candidate, champion=found.champion, gain=found.gain, low=found.low, high=found.high,
            registered=registered,
        )  # fmt: skip

    def _deliver(self, today: date) -> None:
        if self._coming is not None and today - self._coming[0] >= timedelta(days=DELIVERY_DAYS):
            self._trained_on, self._champion, self._reference = self._coming
            self._coming = None
            self._version += 1


def train(known: pd.DataFrame, today: date) -> Challenger:
    """A model of the sales `known` when `today` began, but for those of the last two weeks, which will judge it."""
    from sklearn.ensemble import HistGradientBoostingRegressor

    late = float((known[KNOWN] >= pd.Timestamp(today - timedelta(days=JUDGED_DAYS))).mean())
    # The part between training and test has a use of its own in `track`; here both judge.
    division = Division(time=KNOWN, known=None, train=1 - late, validation=late / 2)
    estimator = HistGradientBoostingRegressor(random_state=0)
    recipe = plan(known, estimator, division=division)
    parts = prepare(known, recipe)
    model = default_pipeline(estimator, parts.train.inputs).fit(parts.train.inputs, parts.train.target)
    judged = known.loc[[*parts.validation.inputs.index, *parts.test.inputs.index]]
    return Challenger(
        model=model, estimator=estimator, table=known, division=division,
        trained=known.loc[parts.train.inputs.index], judged=judged,
    )  # fmt: skip


def judge(challenger: Challenger, champion: Challenger, *, confidence: float = 0.95) -> tuple[Gain, int]:
    """Both on the same rows that neither was trained on, and how many rows these are."""
    rows = challenger.judged[~challenger.judged[KEY].isin(champion.trained[KEY])]
    said = rows[PRICE].to_numpy(dtype=float)
    mine, theirs = (np.asarray(side.model.predict(inputs(rows))) for side in (challenger, champion))
    return paired_gain(said, mine, theirs, metric="rmse", confidence=confidence), len(rows)


def _rmse(model: Any, rows: pd.DataFrame) -> float:
    return float(np.sqrt(((model.predict(inputs(rows)) - rows[PRICE]) ** 2).mean()))


def _happening(event: Event) -> Happening:
    return Happening(kind=event.kind, starts=event.starts, ends=event.ends, note=event.note)
