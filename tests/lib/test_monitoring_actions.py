"""What alerts may do: once for each alert, not too often, undone on demand, and every step of it in the log."""

from __future__ import annotations

import re
import threading
from datetime import UTC, datetime, timedelta

import pytest
from sklearn.linear_model import Ridge

from lib.errors import DeliveryError, MonitoringError, UnfitModel
from lib.monitoring.actions import FallBack, ManualMode, Retrain
from lib.monitoring.audit import ActionLog
from lib.monitoring.catalogue import RULES
from lib.monitoring.manual import Fallback, Switch, guarded
from lib.monitoring.respond import Notice, Responder, Restraint
from lib.registry import history, promote, register
from lib.serving import Limits, create_app, read_predictions
from lib.serving.current import wanted_version
from lib.settings import Settings
from tests.lib.registered import OK, a_run, another, settings_in
from tests.lib.serving_tools import forest, rows, serving, wait

MODEL = "houses"
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
RETRAIN = {rule.name for rule in RULES if rule.action == "retrain"}


class Clock:
    """A clock that only the test moves."""

    now = NOON

    def __call__(self) -> datetime:
        return self.now

    def later(self, **by: float) -> datetime:
        self.now += timedelta(**by)
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def log(tmp_path, clock) -> ActionLog:
    return ActionLog(tmp_path / "actions.jsonl", clock=clock)


@pytest.fixture(scope="module")
def stores(tmp_path_factory) -> tuple[Settings, str]:
    """A registry with a champion, and a run that further versions are made from."""
    settings = settings_in(tmp_path_factory.mktemp("registry"))
    return settings, a_run(settings, Ridge())


@pytest.fixture
def champions(stores) -> Settings:
    """A new champion, with another before it."""
    settings, run = stores
    while True:
        _promoted(settings, run)
        if history(MODEL, settings=settings)[-1].previous is not None:
            return settings


def _promoted(settings: Settings, run: str) -> int:
    version = register(another(run, settings), MODEL, by="ada", settings=settings).version
    promote(MODEL, version, to="Staging", by="ada", settings=settings)
    promote(MODEL, version, to="Production", by="ada", approval=OK, settings=settings)
    return version


def _champion(settings: Settings) -> int | None:
    return history(MODEL, settings=settings)[-1].champion


def firing(rule: str, key: str = "1", **more) -> Notice:
    return Notice(rule=rule, key=f"{rule}@{key}", state="firing", summary="it is bad", **more)


def over(rule: str, key: str = "1") -> Notice:
    return Notice(rule=rule, key=f"{rule}@{key}", state="resolved")


def outcomes(log: ActionLog) -> list[str]:
    return [entry.outcome for entry in log.entries()]


def fell_back(log: ActionLog) -> list[str]:
    """How each falling back ended."""
    return [each.outcome for each in log.entries() if each.action == "fall back" and each.outcome != "begun"]


def test_falls_back_once_and_is_undone(champions, log, clock):
    """The former champion answers, by the registry's own rollback; told again, nothing happens; and back again."""
    was, before = _champion(champions), history(MODEL, settings=champions)[-1].previous
    responder = Responder(RULES, [FallBack(MODEL, champions)], log)
    entry = responder.take(firing("ModelErrorSevere"), now=clock())
    assert (entry.outcome, entry.by, entry.about) == ("done", "monitoring", "ModelErrorSevere@1")
    assert _champion(champions) == before
    last = history(MODEL, settings=champions)[-1]
    assert (last.kind, last.by, last.reason) == ("rollback", "monitoring", "ModelErrorSevere: it is bad")
    assert responder.take(firing("ModelErrorSevere"), now=clock.later(days=1)) is None
    assert responder.take(over("ModelErrorSevere"), now=clock.later(days=1)) is None
    undone = responder.undo(entry.number, by="ada", reason="the market, not the model")
    assert (undone.refers_to, _champion(champions)) == (entry.number, was)
    with pytest.raises(MonitoringError, match="undone already"):
        responder.undo(entry.number, by="ada", reason="again")


def test_falling_back_twice_does_not_bring_back_what_was_left(champions, log, clock):
    """A second alert, about the version fallen back to, leaves it: the one before it is the bad one."""
    responder = Responder(RULES, [FallBack(MODEL, champions)], log)
    responder.take(firing("ModelErrorSevere"), now=clock())
    stable = _champion(champions)
    responder.take(firing("ModelErrorSevere", "2"), now=clock.later(days=1))
    assert (fell_back(log), _champion(champions)) == (["done", "nothing to do"], stable)


def test_falls_back_to_the_version_that_was_declared_stable(champions, log, clock):
    """However many champions came since."""
    stable = history(MODEL, settings=champions)[-1].previous
    _promoted(champions, history(MODEL, settings=champions)[0].run_id)
    responder = Responder(RULES, [FallBack(MODEL, champions, stable=stable)], log)
    assert responder.take(firing("ModelErrorSevere"), now=clock()).outcome == "done"
    assert _champion(champions) == stable
    held = responder.take(firing("ModelErrorSevere", "2"), now=clock.later(days=1))
    assert fell_back(log) == ["done", "nothing to do"]
    assert (held.action, held.said) == ("retrain", "nobody gave this monitor a way to retrain")


def test_what_somebody_moved_meanwhile_is_not_undone(champions, log, clock):
    """The undoing of an old fallback must not take away a newer champion."""
    responder = Responder(RULES, [FallBack(MODEL, champions)], log)
    entry = responder.take(firing("ModelErrorSevere"), now=clock())
    newer = _promoted(champions, history(MODEL, settings=champions)[0].run_id)
    with pytest.raises(MonitoringError, match=f"version {newer} .* somebody moved it"):
        responder.undo(entry.number, by="ada", reason="back")
    assert _champion(champions) == newer


def test_a_candidate_is_archived_when_the_training_is_undone(stores, log, clock):
    """Retraining registers a candidate that nobody approved; undone, it is given up."""
    settings, run = stores

    def train(reason: str) -> tuple[int, str]:
        version = register(another(run, settings), MODEL, by="ct", settings=settings).version
        return version, f"candidate {version}, for {reason}"

    responder = Responder(RULES, [Retrain(train, MODEL, settings)], log)
    entry = responder.take(firing("ConceptDrift"), now=clock())
    assert entry.said.endswith("for ConceptDrift: it is bad")
    responder.undo(entry.number, by="ada", reason="trained on two regimes")
    last = history(MODEL, settings=settings)[-1]
    assert (last.version, last.to_stage, last.by) == (entry.before["candidate"], "Archived", "ada")


def trainings(log, *results, **restraints):
    """A responder whose pipeline gives one result after the other, and what it was asked."""
    asked: list[str] = []
    left = list(results)

    def train(reason: str):
        asked.append(reason)
        result = left.pop(0) if left else (None, "no better than the champion")
        if isinstance(result, BaseException):
            raise result
        return result

    limits = {"retrain": Restraint(**restraints)}
    return Responder(RULES, [Retrain(train, MODEL, Settings())], log, restraints=limits), asked


def test_an_alert_acts_once_whoever_tells_it(log, clock):
    """A repeated notice, a restarted monitor and a muted alert begin nothing; a rule without an action never does."""
    responder, asked = trainings(log)
    assert responder.take(firing("ModelErrorHigh", muted_by=("DataBroken",)), now=clock()) is None
    assert responder.take(firing("ModelErrorHigh"), now=clock()).outcome == "nothing to do"
    again, asked_again = trainings(ActionLog(log.path))
    for notice in (firing("ModelErrorHigh"), firing("DataDrift"), firing("Unknown"), over("ModelErrorHigh")):
        assert responder.take(notice, now=clock.later(days=9)) is None
        assert again.take(notice, now=clock.later(days=9)) is None
    assert (len(asked), asked_again) == (1, [])


def test_not_too_often(log, clock):
    """A cool-down, then a budget; what is held back says why, once, and is done when there is room again."""
    responder, asked = trainings(log, cool_down_s=3_600, budget=2, budget_s=86_400)
    rule = min(RETRAIN)
    responder.take(firing(rule, "1"), now=clock())
    held = responder.take(firing(rule, "2"), now=clock.later(minutes=10))
    assert (held.outcome, held.said) == ("held back", "cool-down: the last one began at 2026-03-02 12:00 UTC")
    assert responder.take(firing(rule, "2"), now=clock.later(minutes=10)) is None
    assert responder.take(firing(rule, "2"), now=clock.later(minutes=50)).outcome == "nothing to do"
    held = responder.take(firing(rule, "3"), now=clock.later(hours=2))
    assert held.said == "budget: 2 since 2026-03-02 12:00 UTC, and 2 are allowed"
    assert responder.take(firing(rule, "3"), now=clock.later(hours=24)).outcome == "nothing to do"
    assert len(asked) == 3


def test_a_person_may_at_any_time_with_a_reason(log, clock):
    """By hand there is no cool-down, and no action without a reason."""
    responder, asked = trainings(log)
    responder.take(firing("ConceptDrift"), now=clock())
    assert responder.do("retrain", by="ada", reason="new districts").by == "ada"
    assert asked == ["ConceptDrift: it is bad", "new districts"]
    with pytest.raises(MonitoringError, match="needs a reason"):
        responder.do("retrain", by="ada", reason=" ")
    with pytest.raises(MonitoringError, match="a way to manual"):
        responder.do("manual", by="ada", reason="to be safe")


def test_a_failure_is_logged_and_tried_again_later(log, clock):
    """The pipeline's own reason stands in the log; an alert that still fires gets another try after the cool-down."""
    responder, asked = trainings(log, DeliveryError("bad data: 62 % of the rows"), (7, "candidate 7"))
    assert responder.take(firing("ConceptDrift"), now=clock()).said == "bad data: 62 % of the rows"
    assert responder.take(firing("ConceptDrift"), now=clock.later(minutes=1)).outcome == "held back"
    assert responder.take(firing("ConceptDrift"), now=clock.later(hours=2)).outcome == "done"
    assert outcomes(log) == ["begun", "failed", "held back", "begun", "done"]
    assert len(asked) == 2


def test_a_bug_in_the_pipeline_is_logged_and_not_hidden(log, clock):
    """What no pipeline says on purpose goes on to whoever runs the monitor; the log has it, too."""
    responder, _ = trainings(log, ZeroDivisionError("oops"))
    with pytest.raises(ZeroDivisionError):
        responder.take(firing("ConceptDrift"), now=clock())
    assert (outcomes(log), log.entries()[-1].said) == (["begun", "failed"], "ZeroDivisionError('oops')")


def test_an_action_that_crashed_is_not_begun_at_once_again(log, clock):
    """Its beginning is in the log before it; whoever starts next waits for the cool-down."""
    crashed, _ = trainings(log, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        crashed.take(firing("ConceptDrift"), now=clock())
    responder, asked = trainings(log)
    assert responder.take(firing("ConceptDrift"), now=clock.later(minutes=5)) is None
    assert responder.take(firing("ConceptDrift"), now=clock.later(hours=1)).outcome == "nothing to do"
    assert (outcomes(log), len(asked)) == (["begun", "begun", "nothing to do"], 1)


def test_a_long_training_keeps_nobody_waiting(log, clock, tmp_path):
    """Manual mode is switched on while the training is still under way."""
    under_way, go_on = threading.Event(), threading.Event()

    def train(_reason: str):
        under_way.set()
        assert go_on.wait(30)
        return None, "no better"

    switch = Switch(tmp_path / "manual.json")
    responder = Responder(RULES, [Retrain(train, MODEL, Settings()), ManualMode(switch)], log)
    thread = threading.Thread(target=responder.take, args=[firing("ConceptDrift")], kwargs={"now": clock()})
    thread.start()
    assert under_way.wait(30)
    assert responder.take(firing("DataBroken"), now=clock()).outcome == "done"
    assert switch.read() is not None
    go_on.set()
    thread.join(30)
    assert outcomes(log) == ["begun", "begun", "done", "nothing to do"]


def test_nobody_gave_a_way(log, clock):
    """An action that this monitor cannot do is said once, and nothing breaks."""
    responder = Responder(RULES, [], log)
    assert responder.take(firing("DataBroken"), now=clock()).said == "nobody gave this monitor a way to manual"
    assert responder.take(firing("DataBroken"), now=clock()) is None
    with pytest.raises(MonitoringError, match="is held back"):
        responder.undo(1, by="ada", reason="?")


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A server with a switch."""
    folder = tmp_path_factory.mktemp("manual")
    switch = Switch(folder / "manual.json")
    source = guarded(wanted_version(forest(), Settings(root=folder)), switch)
    app = create_app(source, settings=Settings(root=folder), limits=Limits(poll_s=0.02))
    with serving(app) as running:
        yield running, switch, folder


@pytest.fixture
def server(served):
    """The model answers before each test."""
    running, switch, folder = served
    switch.off()
    wait(lambda: running.get("/ready").json()["model_version"] == 1)
    return running, switch, folder


def test_manual_mode_answers_by_the_rule_and_says_so(server, log, clock):
    """By every protocol, as version 0, in the prediction log and the metrics; inputs are checked as before."""
    running, switch, folder = server
    responder = Responder(RULES, [ManualMode(switch, Fallback(amount=2_900, per="area_m2"), clock)], log)
    responder.take(firing("DataBroken"), now=clock())
    wait(lambda: running.get("/ready").json()["model_version"] == 0)
    houses = rows(3)
    expected = [2_900 * house["area_m2"] for house in houses]
    answer = running.post("/predict", {"rows": houses}, headers={"X-Request-ID": "by-hand"})
    assert answer.json() == {"predictions": expected, "model_version": 0, "request_id": "by-hand"}
    assert running.post("/invocations", {"dataframe_records": houses}).json()["predictions"] == expected
    assert running.post("/predict", {**houses[0], "area_m2": -3.0}).status_code == 422
    assert (
        'serving_model_info{name="house-price-predictor",run_id="manual",version="0"} 1' in running.get("/metrics").text
    )
    logged = read_predictions(folder / "predictions").df()
    assert set(logged[logged["request_id"] == "by-hand"]["version"]) == {0}
    responder.take(over("DataBroken"), now=clock())
    wait(lambda: running.get("/ready").json()["model_version"] == 1)


def test_manual_mode_without_a_rule_refuses_with_the_reason(server, log, clock):
    """503 and why; a person ends it, and the end of the alert finds nothing left to do."""
    running, switch, _ = server
    responder = Responder(RULES, [ManualMode(switch, clock=clock)], log)
    entry = responder.take(firing("DataBroken"), now=clock())
    wait(lambda: running.get("/ready").status_code == 503)
    answer = running.post("/predict", rows(1)[0])
    assert answer.status_code == 503
    assert "manual mode since 2026-03-02 12:00 UTC: DataBroken: it is bad" in answer.json()["error"]
    responder.undo(entry.number, by="ada", reason="mended")
    wait(lambda: running.get("/ready").json()["model_version"] == 1)
    assert responder.take(over("DataBroken"), now=clock()) is None


def test_what_somebody_turned_on_anew_does_not_end_by_itself(tmp_path, log, clock):
    """A person ends the robot's manual mode and begins another: the end of the alert does not touch it."""
    switch = Switch(tmp_path / "manual.json")
    responder = Responder(RULES, [ManualMode(switch, clock=clock)], log)
    entry = responder.take(firing("DataBroken"), now=clock())
    switch.off()
    responder.do("manual", by="ada", reason="the feed moves house")
    assert responder.take(over("DataBroken"), now=clock()) is None
    assert switch.read().by == "ada"
    with pytest.raises(MonitoringError, match="turned on again by ada"):
        responder.undo(entry.number, by="ada", reason="?")


def test_turning_it_on_twice_keeps_the_first(tmp_path, log, clock):
    """The log says that there was nothing to do."""
    switch = Switch(tmp_path / "manual.json")
    responder = Responder(RULES, [ManualMode(switch, clock=clock)], log)
    responder.do("manual", by="ada", reason="one")
    clock.later(hours=1)
    assert responder.do("manual", by="eve", reason="two").outcome == "nothing to do"
    assert (switch.read().by, switch.read().since) == ("ada", NOON)


@pytest.mark.parametrize(
    ("source", "fallback", "reason"),
    [
        (forest, Fallback(amount=1, per="bedrooms"), "'bedrooms' is no input"),
        (lambda: (_ for _ in ()).throw(UnfitModel("damaged")), Fallback(amount=1), "damaged"),
    ],
)
def test_a_rule_that_cannot_answer_lets_no_model_answer(source, fallback, reason, tmp_path, clock):
    """In manual mode the model is not trusted: better nobody than it."""
    from lib.errors import NoModel

    switch = Switch(tmp_path / "manual.json")
    switch.on(fallback=fallback, by="ada", reason="to try", at=clock())
    with pytest.raises(NoModel, match=reason):
        guarded(source, switch)()


def test_the_log_survives_a_crash_and_notices_a_pen(log, clock):
    """Half a line is no entry and the next one is whole; a line that somebody changed into nonsense is named."""
    log.add(action="manual", outcome="begun", by="ada")
    with log.path.open("a") as stream:
        stream.write('{"number":2,"at":"2026-')
    assert len(log.entries()) == 1
    log.add(action="manual", outcome="done", by="ada")
    assert [entry.number for entry in log.entries()] == [1, 2]
    log.path.write_text(log.path.read_text().replace('"done"', '"well done"'))
    with pytest.raises(MonitoringError, match=re.escape(f"line 2 of {log.path}")):
        log.entries()


def test_writers_wait_for_each_other(log):
    """Eight at once: every entry is there, numbered one after the other."""
    threads = [
        threading.Thread(
            target=lambda: [ActionLog(log.path).add(action="manual", outcome="begun", by="x") for _ in range(5)]
        )
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [entry.number for entry in log.entries()] == list(range(1, 41))
