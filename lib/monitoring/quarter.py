"""`make monitor`: a quarter of the market before a real server, watched each morning, and what is done about alerts.

Real are the server and its requests, the prediction log, the store, the statistics, the rules, the registry and the
trainings. Simulated are the market, the calendar, and the person who approves a candidate.
"""

from __future__ import annotations

import getpass
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, date, datetime, timedelta
from datetime import time as time_of_day
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lib.errors import NoModel, ServingError
from lib.market import FEATURES, HOUSES, PRICE
from lib.monitoring.accepted import Accepted
from lib.monitoring.actions import FallBack, ManualMode, Retrain
from lib.monitoring.audit import ActionLog
from lib.monitoring.blame import Blame, blame
from lib.monitoring.catalogue import RULES
from lib.monitoring.control_room import control_room
from lib.monitoring.estimate import LATELY, LEAST_ROWS, LossModel
from lib.monitoring.figures import Figures
from lib.monitoring.history import History
from lib.monitoring.inputs import InputWatch
from lib.monitoring.manual import Fallback, Switch, guarded
from lib.monitoring.monitor import NEAR, Look, Monitor, Served
from lib.monitoring.performance import Interval
from lib.monitoring.record import Answered, Guess, Record, Release
from lib.monitoring.refusals import Refusals
from lib.monitoring.respond import Responder, Restraint
from lib.monitoring.rules import ActionName, Rule
from lib.monitoring.store import PredictionStore
from lib.monitoring.story import Story
from lib.monitoring.trial import WATCHED
from lib.registry import Approval, Safeguards, history, promote
from lib.registry.gates import artifact_digest
from lib.registry.safeguards import NONE
from lib.registry.training_rows import rows_of_run
from lib.serving import Limits, create_app
from lib.serving.current import wanted_version
from lib.serving.drill import listen, serving
from lib.serving.traffic import traffic
from lib.settings import Settings
from lib.tracking import predict

if TYPE_CHECKING:
    from lib.serving.service import Service

APPROVER = "the approver of this story"
APPROVAL_DAYS = 2
LEARNT_DAYS = 60
"""A training learns from the sales of so many days: older ones are of another market."""
RULE = Fallback(amount=2_600, per="area_m2")
MATURES = timedelta(days=90)
_ASKED_AT, _SOLD_AT = time_of_day(9, tzinfo=UTC), time_of_day(20, tzinfo=UTC)
_LOOKS_AT, _FIRST_AT = time_of_day(6, tzinfo=UTC), time_of_day(0, tzinfo=UTC)
_GAP_S, _POLL_S, _SHOWN_S = 0.0005, 0.5, 2.0
_SWAP_S = 120.0
Say = Callable[[str], None]
Train = Callable[[pd.DataFrame], tuple[int | None, str]]
"""From the sales that are known to a candidate's version, or None, and how it was judged, in words."""
Timed = Callable[[Literal["serve", "monitor"]], AbstractContextManager[object]]
"""Entered while the server answers ("serve"), and while the monitor looks ("monitor")."""


class _Clock:
    """The story's time; within a day it goes on as real time does."""

    def __init__(self, day: date, at: time_of_day) -> None:
        self.set(day, at)

    def __call__(self) -> datetime:
        return self._from + timedelta(seconds=time.monotonic() - self._since)

    def set(self, day: date, at: time_of_day) -> datetime:
        """Go on from there; only forward."""
        self._since, self._from = time.monotonic(), datetime.combine(day, at)
        return self._from


def watch_quarter(
    story: Story,
    *,
    first: Callable[[pd.DataFrame], tuple[int, str]],
    train: Train,
    settings: Settings,
    rules: Sequence[Rule] = RULES,
    restraints: Mapping[ActionName, Restraint] | None = None,
    safeguards: Safeguards = NONE,
    port: int = 0,
    say: Say = lambda _text: None,
    passed: Callable[[date], None] = lambda _day: None,
    timed: Timed = lambda _phase: nullcontext(),
) -> Record:
    """Go through the story and return what was found and done; `passed` is told of each day.

    `first` gives the version that the story begins with, from the sales that are known then; one that is no champion
    yet is promoted. `rules` say what alerts, and what is done about it. Raises ServingError for a port that is taken,
    and what `first` raises.
    """
    listen(port).close()  # said before anything is trained
    quarter = _Quarter(story, train, settings, rules=rules, restraints=restraints or {}, safeguards=safeguards, say=say)
    with (
        quarter.served(first, port) as url,
        PredictionStore(settings.root / "monitoring" / "truth.duckdb", matures=MATURES) as store,
    ):
        say(f"{url}/ shows it while it lasts")
        for number in range((story.starts - story.serves).days):
            day = story.serves + timedelta(days=number)
            with timed("serve"):
                quarter.ask(day)
            passed(day)
        monitor = quarter.monitor(store)
        looks = []
        for day in story.watched():
            with timed("monitor"):
                looks.append(quarter.morning(day, store, monitor))
            with timed("serve"):
                quarter.ask(day)
            passed(day)
    return quarter.record(looks)


class _Quarter:
    """What stands while the quarter lasts: the server, the log of actions, and what clients were answered."""

    def __init__(
        self,
        story: Story,
        train: Train,
        settings: Settings,
        *,
        rules: Sequence[Rule],
        restraints: Mapping[ActionName, Restraint],
        safeguards: Safeguards,
        say: Say,
    ) -> None:
        self._story, self._train, self._settings, self._say = story, train, settings, say
        self._rules, self._safeguards = rules, safeguards
        self._clock = clock = _Clock(story.serves, _FIRST_AT)
        self._model, self._figures = settings.served_model, Figures()
        self._log = ActionLog(settings.root / "monitoring" / "actions.jsonl", clock=clock)
        self._switch = Switch(settings.root / "monitoring" / "manual.json")
        actions = (
            Retrain(self._retrained, self._model, settings),
            FallBack(self._model, settings, safeguards=safeguards, blamed=self._blamed),
            ManualMode(self._switch, RULE, clock),
        )
        self._responder = Responder(rules, actions, self._log, restraints=restraints, tell=self._figures.count_action)
        self._asked: dict[str, str] = {}
        self._answers: dict[str, tuple[float, int]] = {}
        self._labelled = date.min
        self._coming: tuple[date, int] | None = None
        self._releases: list[Release] = []
        self._unwatched: list[Guess] = []
        self._served: Served | None = None
        self._url = ""

    @contextmanager
    def served(self, first: Callable[[pd.DataFrame], tuple[int, str]], port: int) -> Iterator[str]:
        """The first version behind a real server, whose address is given."""
        version, said = first(self._story.known(self._story.serves, since=self._since(self._story.serves)))
        self._say(said)
        if history(self._model, settings=self._settings)[-1].champion != version:
            self._promote(version)
        room = control_room(
            self._settings,
            figures=self._figures,
            log=self._log,
            switch=self._switch,
            every_s=_SHOWN_S,
            clock=self._clock,
        )
        app = create_app(
            guarded(wanted_version(self._model, self._settings, admit=self._safeguards.admit), self._switch),
            settings=self._settings, limits=Limits(poll_s=_POLL_S), clock=self._clock, figures=[self._figures],
            extensions=[room],
        )  # fmt: skip
        self._service: Service = app.state.service
        with serving(app, port=port) as taken:
            self._url = f"http://127.0.0.1:{taken}"
            self._await(version)
            self._note(self._story.serves, version, said)
            yield self._url

    def monitor(self, store: PredictionStore) -> Monitor:
        """One that has the year before the first request to compare days with."""
        self._store = store
        houses = self._story.houses
        known = houses[houses["listed_on"] < pd.Timestamp(self._story.serves)]
        past = History(known, WATCHED, day="listed_on", schema=HOUSES)
        inputs = InputWatch(past, first=self._story.starts - timedelta(days=7))
        refusals = Refusals()
        refusals.share(self._service.metrics.read())
        return Monitor(
            store, self._figures, self._responder, served=lambda: self._served,
            bad_rows=lambda: refusals.share(self._service.metrics.read()),
            inputs=lambda: inputs, rules=self._rules,
        )  # fmt: skip

    def morning(self, day: date, store: PredictionStore, monitor: Monitor) -> Look:
        """What came meanwhile is taken in and looked at; a candidate whose approval is due is put in place before."""
        at = self._clock.set(day, _LOOKS_AT)
        if self._coming is not None and day >= self._coming[0]:
            version = self._coming[1]
            self._coming = None
            self._promote(version)
            self._note(day, version, f"approved by {APPROVER}")
            self._settle(day)
        store.take_predictions(self._settings.prediction_folder)
        if day == self._story.starts:
            self._unwatched = list(self._guessed(store))
        labels = self._labels(day)
        if len(labels):
            store.take_labels(labels)
        look = monitor.look(at)
        self._settle(day)
        return look

    def _guessed(self, store: PredictionStore) -> Iterator[Guess]:
        """What the estimate without labels would have said until now, had anybody looked once a week."""
        served, day = self._served, self._story.serves + LATELY
        while served is not None and served.losses is not None and day < self._story.starts:
            at = datetime.combine(day, _LOOKS_AT)
            found = served.losses.estimate_lately(store, at, version=served.version, since=served.since, schema=HOUSES)
            if found is not None:
                yield Guess(
                    day=day, version=served.version,
                    estimated=Interval(value=found.value, low=found.low, high=found.high),
                )  # fmt: skip
            day += LATELY

    def ask(self, day: date) -> None:
        """Each house that is listed asks for its price, by itself."""
        self._clock.set(day, _ASKED_AT)
        listed = self._story.listed(day)
        houses = listed["house_id"].tolist()
        bodies = [json.dumps(row).encode() for row in json.loads(listed[list(FEATURES)].to_json(orient="records"))]

        def keep(number: int, content: bytes) -> None:
            answer = json.loads(content)
            self._asked[houses[number]] = answer["request_id"]
            self._answers[houses[number]] = answer["predictions"][0], answer["model_version"]

        due_s = [number * _GAP_S for number in range(len(bodies))]
        with traffic(f"{self._url}/predict", bodies, due_s, check=keep) as sending:
            pass
        # A broken row is refused with 422, and that is for the monitor to find; anything else is no story.
        broken = [str(sent.wrong) for sent in sending.wrong if not str(sent.wrong).startswith("422 ")]
        if broken:
            raise ServingError(f"{day}: {len(broken)} of {len(bodies)} requests got no answer, e.g. {broken[0]}")

    def record(self, looks: list[Look]) -> Record:
        """All of it, beside the truth."""
        story = self._story
        answered, unacted = self._true_errors()
        return Record(
            story=story.name, starts=story.starts, ends=story.ends, truth=story.truth, broken=story.broken,
            looks=tuple(looks), releases=tuple(self._releases), answered=tuple(answered),
            unwatched=tuple(self._unwatched), unacted=tuple(unacted),
        )  # fmt: skip

    def _since(self, day: date) -> date:
        return day - timedelta(days=LEARNT_DAYS)

    def _retrained(self, _reason: str) -> tuple[int | None, str]:
        today = self._clock().date()
        self._say(f"{today}: training again …")
        version, said = self._train(self._story.known(today, since=self._since(today)))
        if version is not None:
            self._coming = today + timedelta(days=APPROVAL_DAYS), version
        return version, said

    def _blamed(self, version: int, other: int) -> Blame:
        now = self._clock()
        since = now if self._served is None else self._served.lately(now)
        return blame(
            self._store, version=version, other=other, since=since, as_of=now, settings=self._settings,
            admit=self._safeguards.admit,
        )  # fmt: skip

    def _promote(self, version: int) -> None:
        me, reason = getpass.getuser(), "its errors on unseen sales were looked at"
        settings, asked = self._settings, self._safeguards
        gates = [artifact_digest(), *asked.trial]
        promote(self._model, version, to="Staging", by=me, gates=gates, admit=asked.admit, settings=settings)
        promote(
            self._model, version, to="Production", by=me, reason=reason, gates=[artifact_digest(), *asked.release],
            admit=asked.admit, settings=settings, approval=Approval(by=APPROVER, reason=reason),
            # No person approved, and the ledger must not say that one did.
            may_approve=lambda person, _name: person == APPROVER,
        )  # fmt: skip

    def _settle(self, day: date) -> None:
        """Wait for what is wanted now, the champion or manual mode's rule, and note a version that came back."""
        manual = self._switch.read() is not None
        champion = history(self._model, settings=self._settings)[-1].champion
        self._await(0 if manual else champion)
        if not manual and champion is not None and self._served is not None and champion != self._served.version:
            self._note(day, champion, "fell back to it")

    def _await(self, version: int | None) -> None:
        """Until the server answers by that version; it looks at the registry and the switch by itself."""
        deadline = time.monotonic() + _SWAP_S
        while self._answering() != version:
            if time.monotonic() > deadline:
                raise NoModel(
                    f"the server at {self._url} does not answer by version {version}: {self._service.current.refusal}"
                )
            time.sleep(0.01)

    def _answering(self) -> int | None:
        bundle = self._service.current.bundle
        return None if bundle is None else bundle.version

    def _note(self, day: date, version: int, said: str) -> None:
        self._releases.append(Release(day=day, version=version, said=said))
        rows, answers = _held_out(self._model, version, settings=self._settings)
        waits = (rows["sold_on"] - rows["listed_on"]).dt.days
        self._served = Served(
            model=self._model, version=version, since=datetime.combine(day, time_of_day(), UTC),
            accepted=Accepted(errors=(answers - rows[PRICE]).tolist(), waits_days=waits.tolist()),
            losses=LossModel(rows[list(FEATURES)], answers, rows[PRICE]) if len(rows) >= LEAST_ROWS else None,
        )  # fmt: skip

    def _labels(self, day: date) -> pd.DataFrame:
        """Of the sales that became known since the last morning, those whose price was asked for."""
        known = self._story.known(day, since=self._labelled)
        self._labelled = day
        # Not `isin`, which looks at all that was ever asked each time.
        known = known.assign(request_id=known["house_id"].map(self._asked)).dropna(subset=["request_id"])
        sold = pd.to_datetime(known["sold_on"], utc=True)
        return pd.DataFrame(
            {
                "request_id": known["request_id"],
                "known_at": sold + pd.Timedelta(hours=_SOLD_AT.hour),
                "label": known[PRICE],
            }
        )

    def _true_errors(self) -> tuple[list[Answered], list[Answered]]:
        """By day, what nobody could know then; and what the first version alone would have erred on the same houses."""
        houses = self._story.houses.set_index("house_id")
        table = pd.DataFrame.from_dict(self._answers, orient="index", columns=["answer", "version"])
        table = table.join(houses[["listed_on", *FEATURES, PRICE]]).dropna(subset=[PRICE])
        first = self._releases[0].version
        alone = _answers(_run_of(self._model, first, self._settings), table, settings=self._settings)
        return list(_by_day(table)), list(_by_day(table.assign(answer=alone, version=first)))


def _by_day(table: pd.DataFrame) -> Iterator[Answered]:
    """Each day's answers of each version against what was paid."""
    for (day, version), rows in table.groupby(["listed_on", "version"]):
        errors = rows["answer"].to_numpy(dtype=float) - rows[PRICE].to_numpy(dtype=float)
        yield Answered(
            day=pd.Timestamp(str(day)).date(), version=int(str(version)), n=len(rows),
            near=int((np.abs(errors) <= NEAR * rows[PRICE]).sum()),
            rmse=float(np.sqrt(np.square(errors).mean())),
        )  # fmt: skip


def _run_of(model: str, version: int, settings: Settings) -> str:
    return next(entry.run_id for entry in history(model, settings=settings) if entry.version == version)


def _answers(run_id: str, rows: pd.DataFrame, *, settings: Settings) -> NDArray[np.float64]:
    """What the model of a run says of these houses."""
    inputs = json.loads(rows[list(FEATURES)].to_json(orient="records"))
    return np.asarray(predict(run_id, inputs, settings=settings), dtype=np.float64)


def _held_out(model: str, version: int, *, settings: Settings) -> tuple[pd.DataFrame, NDArray[np.float64]]:
    """The sales that came last and that the version was not trained on, and what it answers for them."""
    run_id = _run_of(model, version, settings)
    rows = pd.concat([rows_of_run(run_id, part, settings=settings) for part in ("validation", "test")])
    return rows, _answers(run_id, rows, settings=settings)
