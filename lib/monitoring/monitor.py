"""One look after the other: what is known of the version that answers, told as figures, judged by rules, acted upon."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import pandas as pd

from lib.market import HOUSES, Schema
from lib.monitoring.accepted import Accepted
from lib.monitoring.audit import Entry
from lib.monitoring.catalogue import RULES
from lib.monitoring.compare import Frozen
from lib.monitoring.concept import LEAST_REFERENCE, find_concept_drift
from lib.monitoring.estimate import LossModel
from lib.monitoring.evaluate import Alert, Evaluator
from lib.monitoring.figures import Figures
from lib.monitoring.inputs import InputWatch
from lib.monitoring.objectives import DAY_S
from lib.monitoring.performance import Figure, Interval, performance
from lib.monitoring.respond import Responder, noticed
from lib.monitoring.rules import Rule
from lib.monitoring.samples import Samples
from lib.monitoring.store import Counts, PredictionStore
from lib.monitoring.watch import readings

JOB = "monitor"
WINDOW = timedelta(days=42)
QUICK = timedelta(days=30)
NEAR = 0.2
"""Within this share of the price that was paid an answer is near enough, as the promise has it."""
KEEP_S = 31 * DAY_S
_WHOLE = timedelta(days=36_525)
_JUDGED = """
SELECT count(*), count(*) FILTER (abs(prediction - truth) <= $near * truth)
FROM joined($as_of::TIMESTAMPTZ, $matures::INTERVAL) WHERE truth IS NOT NULL
"""


@dataclass(frozen=True, kw_only=True)
class Served:
    """The version that answers, since when, what it erred when it was accepted, and what is known of its errors.

    Without `losses` its error is not estimated before there are labels.
    """

    model: str
    version: int
    since: datetime
    accepted: Accepted
    losses: LossModel | None = None

    def lately(self, at: datetime) -> datetime:
        """From when on what it answered is judged at a moment."""
        return max(at - WINDOW, self.since)


class Change(Frozen):
    """An alert that is in another state than before."""

    rule: str
    key: str
    state: str
    summary: str
    labels: dict[str, str]
    muted_by: tuple[str, ...] = ()


class Look(Frozen):
    """What one look found; `error` is None while there are no labels to tell it, `accepted` what it is held against.

    `estimated` is the error of the last week's answers by the inputs alone, which may be wrong beyond its interval.
    """

    at: datetime
    version: int | None
    error: Interval | None
    accepted: float | None
    labels: int
    concept: bool
    drifted: tuple[str, ...]
    excess: float | None
    bad_rows: float | None
    changes: tuple[Change, ...]
    entries: tuple[Entry, ...]
    estimated: Interval | None = None


class Monitor:
    """Made once; `store` has what was logged and labelled until the moment of each look.

    `served` says which version answers, `bad_rows` the share of broken rows that came in lately, None for too few to
    say; `inputs` judges days against a history, once there is one. Without a responder the figures are told and
    nothing is judged: whoever scrapes them does. Times of looks only go forward.
    """

    def __init__(
        self,
        store: PredictionStore,
        figures: Figures,
        responder: Responder | None,
        *,
        served: Callable[[], Served | None],
        bad_rows: Callable[[], float | None],
        inputs: Callable[[], InputWatch | None],
        rules: Sequence[Rule] = RULES,
        schema: Schema = HOUSES,
    ) -> None:
        self._store, self._figures, self._responder, self._schema = store, figures, responder, schema
        self._served, self._bad_rows, self._inputs = served, bad_rows, inputs
        self._evaluator, self._samples = Evaluator(rules), Samples(keep_s=KEEP_S)
        self._counted: tuple[dict[str, int], tuple[int, int]] | None = None
        self._moved: tuple[int, datetime] | None = None

    def look(self, at: datetime) -> Look:
        """Find out, tell, judge, act."""
        served = self._served()
        figure, accepted, estimated, concept = None, None, None, False
        counts = self._store.count(at)
        if served is not None:
            figure, accepted = self._show_error(served, counts)
            estimated = self._show_estimate(served, at)
            concept = self._show_concept(served, at)
        drifted, excess = self._show_drift(at)
        bad_rows = self._bad_rows()
        if bad_rows is not None:
            self._figures.show_bad_rows(bad_rows)
        self._count(counts)
        self._figures.ran(at)
        changed, entries = self._act(at)
        return Look(
            at=at, version=served.version if served else None, error=figure.metrics.get("rmse") if figure else None,
            accepted=accepted, labels=figure.n if figure else 0, concept=concept, drifted=drifted, excess=excess,
            bad_rows=bad_rows, changes=tuple(map(_change, changed)), entries=tuple(entries), estimated=estimated,
        )  # fmt: skip

    def _show_error(self, served: Served, counts: Counts) -> tuple[Figure | None, float]:
        """The error on what was asked lately and sold since, beside what was accepted for sales as quick as these."""
        at = counts.as_of
        since = served.lately(at)
        accepted = served.accepted.rmse((at - since).total_seconds() / DAY_S)
        found = performance(
            self._store, task="regression", window=_WHOLE, as_of=at, since=since, until=at, provisional=True
        )
        figure = next((each for each in found if each.version == served.version), None)
        if figure is None or "rmse" not in figure.metrics:
            self._figures.show_no_error()
            return figure, accepted
        rmse = figure.metrics["rmse"]
        self._figures.show_error(
            served.model, served.version, rmse_eur=rmse.value, low_eur=rmse.low, high_eur=rmse.high,
            reference_eur=accepted, labels=figure.n, coverage=counts.coverage if counts.mature else math.nan,
        )  # fmt: skip
        if "r2" in figure.metrics:
            self._figures.show_scores(served.model, served.version, r2=figure.metrics["r2"].value)
        return figure, accepted

    def _show_estimate(self, served: Served, at: datetime) -> Interval | None:
        """The error of answers that have no label yet."""
        found = None
        if served.losses is not None:
            found = served.losses.estimate_lately(
                self._store, at, version=served.version, since=served.since, schema=self._schema
            )
        self._figures.show_estimate(served.model, served.version, found)
        return None if found is None else Interval(value=found.value, low=found.low, high=found.high)

    def _show_concept(self, served: Served, at: datetime) -> bool:
        """Whether the residuals of quick sales moved: these are of one kind at all times, and their labels fresh."""
        if self._moved is None or self._moved != (served.version, served.since):
            rows = self._labelled(served, at)
            moved = len(rows) > LEAST_REFERENCE and bool(find_concept_drift(rows))
            self._moved = (served.version, served.since) if moved else None
        detected = self._moved is not None
        self._figures.show_concept(served.model, served.version, detected=detected)
        return detected

    def _labelled(self, served: Served, at: datetime) -> pd.DataFrame:
        rows: pd.DataFrame = (
            self._store.joined(at)
            .filter(
                f"version = {served.version} AND asked_at >= '{served.since.isoformat()}' AND truth IS NOT NULL "
                f"AND known_at <= asked_at + INTERVAL {QUICK.days} DAY"
            )
            .project("asked_at, known_at, prediction, truth")
            .df()
        )
        return rows

    def _show_drift(self, at: datetime) -> tuple[tuple[str, ...], float | None]:
        inputs = self._inputs()
        if inputs is None:
            return (), None
        found = inputs.judge(self._store, at)
        self._figures.show_drift(found)
        drifted = tuple(column for column, _, _, _, drifted in found if drifted)
        return drifted, max((value / limit for _, _, value, limit, _ in found), default=None)

    def _count(self, found: Counts) -> None:
        """What is new since the last look; the first one only remembers where the counting begins."""
        kinds = {
            "matched": found.labelled, "late": found.late, "duplicate": found.duplicated,
            "contradicting": found.contradicting, "orphan": found.orphans,
        }  # fmt: skip
        given = {"as_of": found.as_of, "matures": self._store.matures, "near": NEAR}
        (judged,) = self._store.connection.execute(_JUDGED, given).fetchall()
        before = self._counted or (kinds, judged)
        self._figures.count_labels(**{kind: max(0, number - before[0][kind]) for kind, number in kinds.items()})
        # A label that was contradicted since counts no more, and a counter never falls.
        new, near = (max(0, now - then) for now, then in zip(judged, before[1], strict=True))
        self._figures.count_judged(new, within=min(new, near))
        self._counted = kinds, judged

    def _act(self, at: datetime) -> tuple[list[Alert], list[Entry]]:
        if self._responder is None:
            return [], []
        self._samples.scrape(at.timestamp(), readings(self._figures.collect()), job=JOB)
        changed = self._evaluator.evaluate(self._samples, at)
        self._figures.show_alerts(self._evaluator.rules, self._evaluator.active)
        before = len(self._responder.log.entries())
        for notice in noticed([*changed, *self._evaluator.active]):
            self._responder.take(notice, now=at)
        return changed, [each for each in self._responder.log.entries()[before:] if each.outcome != "begun"]


def _change(alert: Alert) -> Change:
    return Change(
        rule=alert.rule.name, key=alert.key, state=alert.state, summary=alert.summary, labels=dict(alert.labels),
        muted_by=alert.muted_by,
    )  # fmt: skip
