"""Whose fault an error is: a bad release is put back, a world that moved is learnt from, by the same labelled rows."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge

from lib.errors import MonitoringError
from lib.monitoring.actions import FallBack, Retrain
from lib.monitoring.audit import ActionLog
from lib.monitoring.blame import LEAST_ROWS, Blame, blame
from lib.monitoring.catalogue import RULES
from lib.monitoring.respond import Notice, Responder
from lib.monitoring.store import PredictionStore
from lib.registry import history
from lib.serving import PredictionLog
from lib.settings import Settings
from lib.tracking import predict
from tests.lib.registered import FEATURES, a_run, another, champion, houses, settings_in

ASKED = datetime(2026, 3, 2, 12, tzinfo=UTC)
NOW = ASKED + timedelta(days=40)
SEVERE = Notice(rule="ModelErrorSevere", key="severe", state="firing", summary="it is bad")


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A sound run, and one of a feed that doubled every price."""
    settings = settings_in(tmp_path_factory.mktemp("registry"))
    feed = houses()
    return settings, a_run(settings, Ridge(), feed), a_run(settings, Ridge(), feed.assign(y=2 * feed["y"]))


def served(runs, name: str, folder, *, last: int, moved: float, rows: int = 120):
    """Version 1 is sound, version 2 of the run `last` answers; the truth is `moved` times what it used to be."""
    base, run = runs[0], runs[last]
    settings = base.model_copy(update={"served_model": name})
    for each in (runs[1], run):
        champion(name, another(each, settings), settings)
    asked = houses(rows, seed=7, first=1_000)
    inputs = asked[FEATURES].to_dict("records")
    answers = predict(run, inputs, settings=settings)
    log = PredictionLog(folder / "predictions")
    for number, (features, output) in enumerate(zip(inputs, answers, strict=True)):
        log.append(
            json.dumps({
                "request_id": f"r{number}", "row": 0, "at": ASKED.isoformat(), "model": name, "version": 2,
                "features": features, "output": output,
            }).encode() + b"\n"
        )  # fmt: skip
    log.close()
    store = PredictionStore(folder / "truth.duckdb")
    store.take_predictions(folder / "predictions")
    ids = [f"r{number}" for number in range(rows)]
    known = ASKED + timedelta(days=5)
    store.take_labels(pd.DataFrame({"request_id": ids, "known_at": known, "label": moved * asked["y"].to_numpy()}))
    return settings, store


def responder(settings: Settings, store: PredictionStore, folder) -> tuple[Responder, list[str]]:
    """One that may fall back and train, and what it was asked to train for."""
    trained: list[str] = []

    def train(reason: str) -> tuple[int, str]:
        trained.append(reason)
        return 9, "candidate 9"

    def blamed(version: int, other: int) -> Blame:
        return blame(store, version=version, other=other, since=ASKED, as_of=NOW, settings=settings)

    name = settings.served_model
    actions = [FallBack(name, settings, blamed=blamed), Retrain(train, name, settings)]
    return Responder(RULES, actions, ActionLog(folder / "actions.jsonl")), trained


def test_a_bad_release_is_put_back(runs, tmp_path):
    """The version before it errs less on the same houses: it answers again, and nothing is trained."""
    settings, store = served(runs, "release", tmp_path, last=2, moved=1.0)
    with store:
        acting, trained = responder(settings, store, tmp_path)
        entry = acting.take(SEVERE, now=NOW)
        assert (entry.action, entry.outcome) == ("fall back", "done")
        assert entry.said.startswith("version 1 of release answers in place of 2: on 120 houses sold since")
        assert history("release", settings=settings)[-1].champion == 1
        assert acting.take(SEVERE, now=NOW + timedelta(days=1)) is None
        assert trained == []


def test_a_world_that_moved_is_learnt_from(runs, tmp_path):
    """The version before errs as much: it stays where it is, the log says why, and a training begins, once."""
    settings, store = served(runs, "world", tmp_path, last=1, moved=2.0)
    with store:
        acting, trained = responder(settings, store, tmp_path)
        entry = acting.take(SEVERE, now=NOW)
        assert (entry.action, entry.outcome) == ("retrain", "done")
        assert trained == ["ModelErrorSevere: it is bad"]
        assert history("world", settings=settings)[-1].champion == 2
        _, refused, _, _ = acting.log.entries()
        assert (refused.action, refused.outcome) == ("fall back", "nothing to do")
        assert "gain +0% (+0% to +0%). It is the market, not the release" in refused.said
        assert acting.take(SEVERE, now=NOW + timedelta(days=1)) is None
        assert len(trained) == 1


def test_with_nothing_to_fall_back_to_it_is_trained(runs, tmp_path):
    """A first version has none before it: that failed, and the other way is taken."""
    settings = runs[0].model_copy(update={"served_model": "first"})
    champion("first", another(runs[1], settings), settings)
    with PredictionStore(tmp_path / "truth.duckdb") as store:
        acting, trained = responder(settings, store, tmp_path)
        assert acting.take(SEVERE, now=NOW).action == "retrain"
    assert [entry.outcome for entry in acting.log.entries()] == ["begun", "failed", "begun", "done"]
    assert len(trained) == 1


def test_both_are_held_against_the_same_rows(runs, tmp_path):
    """The errors are those of the definition; only rows since a moment count, and too few say nothing."""
    settings, store = served(runs, "rows", tmp_path, last=2, moved=1.0)
    asked = houses(120, seed=7, first=1_000)
    errors = [
        np.sqrt(np.mean((asked["y"] - predict(run, asked[FEATURES].to_dict("records"), settings=settings)) ** 2))
        for run in runs[1:]
    ]
    given = {"version": 2, "other": 1, "as_of": NOW, "settings": settings}
    with store:
        found = blame(store, since=ASKED, **given)
        assert (found.other_error, found.error) == pytest.approx(tuple(errors))
        assert found.gain == pytest.approx(1 - errors[0] / errors[1])
        assert found.low < found.gain < found.high
        assert found.release
        with pytest.raises(MonitoringError, match=f"0 answers of version 2 .* {LEAST_ROWS} are needed"):
            blame(store, since=ASKED + timedelta(days=1), **given)


@pytest.mark.parametrize(("gain", "low", "release"), [(0.25, 0.05, True), (0.25, -0.01, False), (0.15, 0.1, False)])
def test_little_or_doubtful_gain_is_no_reason(gain, low, release):
    """A fifth of the error at least, and beyond chance."""
    found = Blame(version=2, other=1, rows=99, error=1.0, other_error=1 - gain, gain=gain, low=low, high=0.4)
    assert found.release is release
