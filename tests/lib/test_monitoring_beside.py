"""The monitor beside a running server: figures from its log and late ground truth, actions when Alertmanager calls."""

from __future__ import annotations

import contextlib
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest
import requests
from starlette.exceptions import HTTPException
from starlette.requests import Request

from lib.errors import MonitoringError
from lib.market import FEATURES, simulate
from lib.monitoring.actions import ManualMode
from lib.monitoring.audit import ActionLog
from lib.monitoring.beside import LEARNT_DAYS, MATURES, Beside, monitor_app
from lib.monitoring.catalogue import RULES
from lib.monitoring.control_room import control_room
from lib.monitoring.evaluate import Evaluator
from lib.monitoring.hook import alerts_hook
from lib.monitoring.manual import Switch
from lib.monitoring.respond import Responder
from lib.monitoring.samples import Samples
from lib.monitoring.watch import readings
from lib.serving import Limits, create_app, first, read_predictions
from lib.settings import Settings
from tests.lib.serving_tools import forest, rows, serving, wait

DAYS, ROWS_A_DAY = 20, 40
KEY = "known"
# The ledger keeps real time: what is judged was answered after the version was put in place.
TODAY = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) + timedelta(days=DAYS + 2)


class Clock:
    """A clock that only the test moves."""

    now = TODAY - timedelta(days=DAYS)

    def __call__(self) -> datetime:
        return self.now


def figures_need_a_key(request: Request) -> None:
    """As a server with AUTH=1 has it."""
    if request.url.path == "/metrics" and request.headers.get("x-api-key") != KEY:
        raise HTTPException(401)


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    """A server with a champion, twenty days of its answers, the sales of the first fifteen, and the monitor."""
    settings = Settings(root=tmp_path_factory.mktemp("stack"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(first, "ROWS", 600)
        patch.setattr(first, "TREES", 5)
        first.ensure_champion(settings.served_model, settings=settings, say=lambda _text: None)
    clock = Clock()
    houses = simulate("moving", rows=DAYS * ROWS_A_DAY, days=60, seed=settings.seed).houses
    asked = houses[list(FEATURES)].assign(has_garden=houses["has_garden"].astype(bool))
    app = create_app(
        settings.served_model, settings=settings, clock=clock, limits=Limits(poll_s=0.1), access=figures_need_a_key
    )
    beside = Beside(settings, "", settings.root / "labels", clock=clock, key=KEY)
    with serving(app) as served:
        beside.url = served.url
        for day in range(DAYS):
            clock.now = TODAY - timedelta(days=DAYS - day)
            listed = asked[day * ROWS_A_DAY : (day + 1) * ROWS_A_DAY]
            body = {"rows": listed.astype(object).to_dict("records")}
            assert served.post("/predict", body, headers={"X-Request-ID": f"day-{day}"}).ok
        yield beside, served, clock


def write_labels(beside: Beside, name: str, days: range) -> int:
    """Prices a tenth above what was answered, known half a day later."""
    said = read_predictions(beside.settings.prediction_folder).df()
    mine = said[said["request_id"].isin([f"day-{day}" for day in days])]
    known = mine["at"] + timedelta(hours=12)
    table = pd.DataFrame(
        {"request_id": mine["request_id"], "row": mine["row"], "known_at": known, "label": 1.1 * mine["prediction"]}
    )
    beside.labels.mkdir(exist_ok=True)
    table.to_csv(beside.labels / name, index=False)
    return len(table)


def told(url: str) -> dict[str, float]:
    """The values at /metrics, by name and labels."""
    lines = requests.get(f"{url}/metrics", timeout=30).text.splitlines()
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if not line.startswith("#")}


def test_it_fills_the_figures_of_the_boards(stack):
    """Error from late labels, coverage, drift against the first days, broken rows: all that no server can tell."""
    beside, served, clock = stack
    number = write_labels(beside, "march.csv", range(15))
    (beside.labels / "april.csv").write_text("request_id,label\na,1\n")
    (beside.labels / "notes.txt").write_text("not a table")
    clock.now = TODAY
    with beside.opened() as look:
        before = look()
        assert before.bad_rows is None
        beside.budget = lambda: 1.4
        for _ in range(30):
            served.post("/predict", {"area_m2": "large"})
        clock.now = TODAY + timedelta(hours=1)
        write_labels(beside, "more.csv", range(15, 17))
        second = look()
    assert before.labels == number
    assert second.labels == number + 2 * ROWS_A_DAY
    assert second.error.low < second.error.value < second.error.high
    assert second.bad_rows == 1.0
    assert second.excess is not None
    assert sorted(path.name for path in (beside.labels / "taken").iterdir()) == ["march.csv", "more.csv"]
    assert [path.name for path in (beside.labels / "refused").iterdir()] == ["april.csv"]
    figures = {sample.name: sample.value for family in beside.figures.collect() for sample in family.samples}
    assert figures["monitoring_judged_total"] == 2 * ROWS_A_DAY
    assert figures["monitoring_last_run_timestamp_seconds"] == clock.now.timestamp()
    assert figures["monitoring_bad_rows_ratio"] == 1.0
    assert figures["monitoring_cost_budget_ratio"] == 1.4
    assert LEARNT_DAYS < DAYS


def test_no_alert_says_that_nobody_watches(stack):
    """By the rules themselves, over the hours that MonitorSilent would take to fire."""
    beside, _, clock = stack
    clock.now = TODAY + timedelta(hours=2)
    evaluator, samples = Evaluator(RULES), Samples()
    with beside.opened() as look:
        for _ in range(5):
            look()
            samples.scrape(clock.now.timestamp(), readings(beside.figures.collect()), job="monitor")
            evaluator.evaluate(samples, clock.now)
            clock.now += timedelta(minutes=30)
    about = {alert.rule.name for alert in evaluator.active}
    assert not about & {"MonitorSilent", "MonitorStale"}


def test_it_acts_when_alertmanager_calls(stack, tmp_path):
    """The service looks by itself, tells Prometheus, and switches to manual mode for who knows the token."""
    beside, _, clock = stack
    clock.now = TODAY + timedelta(hours=9)
    switch = Switch(tmp_path / "manual.json")
    log = ActionLog(tmp_path / "actions.jsonl")
    responder = Responder(RULES, (ManualMode(switch),), log, tell=beside.figures.count_action)
    app = monitor_app(beside, every_s=0.05, hook=alerts_hook(responder, token="t0ken"))
    alert = {
        "status": "firing", "labels": {"alertname": "DataBroken"}, "annotations": {"summary": "it is bad"},
        "fingerprint": "a", "startsAt": "2026-03-30T12:00:00Z",
    }  # fmt: skip
    with serving(app, ready=False) as served:
        wait(lambda: told(served.url).get("monitoring_last_run_timestamp_seconds") == clock.now.timestamp())
        assert served.get("/live").json() == {"status": "live"}
        assert served.post("/alerts", {"alerts": [alert]}).status_code == 401
        assert switch.read() is None
        known = {"Authorization": "Bearer t0ken"}
        assert served.post("/alerts", {"alerts": [alert]}, headers=known).json() == {"entries": [2]}
        assert switch.read() is not None
        assert told(served.url)['monitoring_actions_total{action="manual",outcome="done"}'] == 1


def test_the_control_room_of_the_server_shows_its_figures(stack, tmp_path):
    """Asked by the URL of a setting; once the monitor is gone, so are its figures, and MonitorSilent says so."""
    beside, _, clock = stack
    clock.now = TODAY + timedelta(hours=10)
    with contextlib.ExitStack() as running:
        monitor = running.enter_context(serving(monitor_app(beside, every_s=0.05), ready=False))
        wait(lambda: "monitoring_rmse_eur{" in requests.get(f"{monitor.url}/metrics", timeout=30).text)
        settings = Settings(root=tmp_path, monitor_url=monitor.url)
        room = control_room(settings, every_s=0.05)
        with serving(create_app(forest(), settings=settings, extensions=[room])) as server:
            wait(lambda: (page := _page(server)) and _error(page) is not None)
            key = 'monitoring_rmse_eur{model="house-price-predictor",version="1"}'
            assert _error(_page(server)) == pytest.approx(told(monitor.url)[key], rel=1e-5)
            assert "MonitorSilent" not in {alert["rule"] for alert in _page(server)["alerts"]}
            running.close()
            wait(lambda: _error(_page(server)) is None)
            assert "MonitorSilent" in {alert["rule"] for alert in _page(server)["alerts"]}


def test_it_says_whom_to_blame_to_any_thread(stack):
    """For Alertmanager's call, which comes in another thread than looks do; without the store open, it cannot."""
    beside, _, clock = stack
    clock.now = TODAY + timedelta(hours=11)
    with beside.opened() as look, ThreadPoolExecutor(1) as calling:
        look()
        found = calling.submit(beside.blame, 1, 1).result()
    assert found.rows == 17 * ROWS_A_DAY
    assert found.other_error == pytest.approx(found.error)
    assert not found.release
    with pytest.raises(MonitoringError, match="has not opened its store"):
        beside.blame(1, 1)


def test_the_error_is_estimated_before_the_labels(stack):
    """What the first mature answers erred teaches what this week's should err: a tenth, as their labels said."""
    beside, served, clock = stack
    clock.now = TODAY + MATURES
    with beside.opened() as look:
        assert look().estimated is None  # nobody asked in the last week
        body = {"rows": rows(60)}
        assert served.post("/predict", body, headers={"X-Request-ID": "new"}).ok
        clock.now += timedelta(hours=1)
        found = look()
    answers = read_predictions(beside.settings.prediction_folder).df().query("request_id == 'new'")["prediction"]
    assert found.estimated.low < 0.1 * float((answers**2).mean() ** 0.5) < found.estimated.high
    told_eur = {sample.name: sample.value for family in beside.figures.collect() for sample in family.samples}
    assert told_eur["monitoring_rmse_estimated_eur"] == found.estimated.value


def _page(server) -> dict:
    return server.get("/control-room/state").json()


def _error(page: dict) -> float | None:
    """The last value of the error by labels, on the board of the model."""
    (model,) = [board for board in page["boards"] if board["name"] == "model"]
    (error,) = [panel for panel in model["panels"] if panel["title"] == "Error"]
    return next((curve["values"][-1] for curve in error["curves"] if curve["name"] == "version 1"), None)
