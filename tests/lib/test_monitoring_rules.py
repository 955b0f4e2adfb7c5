"""The alerts: evaluated here as Prometheus evaluates the very file that is written from the same rules."""

from __future__ import annotations

import random
import re
import subprocess
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lib.errors import MonitoringError
from lib.monitoring.catalogue import GROUPS, RULES
from lib.monitoring.evaluate import Evaluator, utc
from lib.monitoring.prometheus_rules import as_yaml, routed_by, rule_file, said
from lib.monitoring.query import Over, Series, duration
from lib.monitoring.rules import RUNBOOKS, Rule
from lib.monitoring.samples import Samples, labelled
from tests.lib.monitoring_tools import Line, Value, feed, off_the_edges, played, promtool

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
DAY_S = 86_400


def episodes(dice: random.Random, count: int, levels: list[float], *, lasting: int, gaps: float = 0.02) -> list[Value]:
    """One of the levels at a time, for about `lasting` samples; some samples are missing, once all of them for long."""
    values: list[Value] = []
    while len(values) < count:
        values += [dice.choice(levels)] * (1 + int(dice.expovariate(1 / lasting)))
    lost = dice.randrange(count)
    return [
        None if dice.random() < gaps or lost <= number < lost + lasting // 2 else value
        for number, value in enumerate(values[:count])
    ]


def adding_up(dice: random.Random, values: list[Value]) -> list[Value]:
    """A counter with that many events at each step, from far above 0."""
    total, totals = 1e6, []
    for value in values:
        total += float(value or 0)
        totals.append(total if dice.random() > 0.01 else None)
    return totals


def _scene(seed: int, count: int, *, lasting: int) -> list[Line]:
    """Every series that a rule reads, in good and in bad times."""
    dice = random.Random(seed)

    def turns(*levels: float, times: int = 1) -> list[Value]:
        return episodes(dice, count, list(levels), lasting=lasting * times, gaps=0.02 / times**2)

    def counted(*levels: float) -> list[Value]:
        return adding_up(dice, turns(*levels))

    server, version = {"job": "server"}, {"model": "houses", "version": "3"}
    asked = counted(40, 60)
    judged = turns(20, 40)
    within = [float(value or 0) * float(share or 0) for value, share in zip(judged, turns(0.8, 0.97), strict=True)]
    lines = [
        Line("up", server, turns(1, 1, 0)),
        Line("serving_model_loaded", server, turns(1, 1, 0)),
        Line("serving_requests_total", {**server, "path": "/predict", "status": "200"}, asked),
        Line("serving_requests_total", {**server, "path": "/predict", "status": "503"}, counted(0, 0.2, 20)),
        Line("serving_requests_total", {**server, "path": "/metrics", "status": "500"}, counted(9)),
        Line("serving_request_duration_seconds_count", {**server, "path": "/predict"}, asked),
        Line("serving_request_duration_seconds_bucket", {**server, "path": "/predict", "le": "0.25"}, counted(25, 50)),
        Line("serving_queue_rows", server, turns(0, 300, 3_600)),
        Line("serving_queue_capacity_rows", server, [4_096.0] * count),
        Line("process_resident_memory_bytes", server, turns(4e8, 1.7e9)),
        Line("serving_log_dropped_total", server, counted(0, 0, 2)),
        Line("serving_model_info", {**server, "name": "houses", "version": "0"}, turns(0, 1)),
        Line("monitoring_bad_rows_ratio", {}, turns(0.001, 0.001, 0.62)),
        Line("monitoring_drift_detected", {"feature": "area_m2"}, turns(0, 1)),
        Line("monitoring_drift_detected", {"feature": "rooms"}, turns(0, 0, 1)),
        Line("monitoring_label_coverage_ratio", version, turns(0.2, 0.9, times=4)),
        Line("monitoring_rmse_low_eur", version, turns(40_000, 57_000, 57_000, 81_234)),
        Line("monitoring_rmse_reference_eur", version, [50_000.0] * count),
        Line("monitoring_labels", version, turns(79, 80, 900)),
        Line("monitoring_concept_drift_detected", version, turns(0, 1)),
        Line("monitoring_judged_total", version, adding_up(dice, judged)),
        Line("monitoring_judged_within_total", version, adding_up(dice, within)),
        Line("monitoring_cost_budget_ratio", {}, turns(0.6, 1.3, times=2)),
        Line("monitoring_last_run_timestamp_seconds", {"job": "monitor"}, turns(1, 2 * DAY_S, 4 * DAY_S)),
    ]
    if lasting > 50:  # long enough for somebody to miss the monitor
        gone = [None if 0.6 < number / count < 0.7 else value for number, value in enumerate(lines[-1].values)]
        lines[-1] = Line(lines[-1].name, lines[-1].labels, gone)
    return lines


SCENES = {
    # Some minutes, looked at every minute; and twelve days, every four hours.
    "an hour": {"count": 600, "step_s": 7, "every_s": 60, "edge_s": 60, "lasting": 40},
    "twelve days": {"count": 4_320, "step_s": 240, "every_s": 14_400, "edge_s": 3_600, "lasting": 500},
}


@dataclass(frozen=True)
class Played:
    """What fired here at each look of a scene, and what promtool said to that and to a lie about it."""

    fired: Counter[str]
    agreed: subprocess.CompletedProcess[str]
    lied: subprocess.CompletedProcess[str]


@pytest.fixture(scope="module", params=SCENES)
def scene(request, scenes) -> Played:
    """One of the scenes."""
    return scenes[request.param]


@pytest.fixture(scope="module")
def scenes(tmp_path_factory) -> dict[str, Played]:
    """All scenes, each evaluated here look by look and then played to promtool."""
    return {name: _play(shape, tmp_path_factory.mktemp("scene")) for name, shape in SCENES.items()}


def _play(shape: dict[str, int], folder: Path) -> Played:
    step_s, every_s = shape["step_s"], shape["every_s"]
    lines = [
        Line(line.name, line.labels, off_the_edges(line.values, step_s, every_s=shape["edge_s"]))
        for line in _scene(5, shape["count"], lasting=shape["lasting"])
    ]
    samples, evaluator, cases, before_s = Samples(keep_s=1e9), Evaluator(RULES), [], -step_s
    fired: Counter[str] = Counter()
    for at_s in range(0, shape["count"] * step_s, every_s):
        feed(samples, lines, step_s, after_s=before_s, until_s=at_s)
        before_s = at_s
        evaluator.evaluate(samples, utc(at_s))
        firing = [alert for alert in evaluator.active if alert.state == "firing"]
        fired.update({alert.rule.name for alert in firing})
        for rule in RULES:
            told = [_expected(alert) for alert in firing if alert.rule is rule]
            cases.append({"eval_time": duration(at_s), "alertname": rule.name, "exp_alerts": told})
    known = {"rules": rule_file(GROUPS), "every_s": every_s}
    lie = {**next(case for case in cases if case["exp_alerts"]), "exp_alerts": []}
    return Played(
        fired,
        played(lines, step_s, folder, **known, alert_rule_test=cases),
        played(lines, step_s, folder, **known, alert_rule_test=[lie]),
    )


def test_alerts_fire_as_prometheus_has_it(scene):
    """At every look the same alerts with the same labels and words; promtool plays the written rules and judges."""
    assert scene.agreed.returncode == 0, scene.agreed.stdout + scene.agreed.stderr
    assert scene.lied.returncode == 1


def test_every_rule_fired_somewhere_in_these_scenes(scenes):
    """No rule's agreement was empty."""
    assert set().union(*(each.fired for each in scenes.values())) == {rule.name for rule in RULES}


def _expected(alert) -> dict:
    """As promtool wants it: labels without the rule's name, and the words filled in."""
    rule = alert.rule
    return {
        "exp_labels": {**alert.labels, **routed_by(rule)},
        "exp_annotations": {**said(rule), "summary": alert.summary},
    }


def test_promtool_takes_the_file(tmp_path):
    """What is written has no fault that Prometheus would refuse it for."""
    (tmp_path / "rules.yaml").write_text(as_yaml(rule_file(GROUPS), header="Written."))
    done = subprocess.run(
        [promtool(), "check", "rules", tmp_path / "rules.yaml"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(RULES)} rules found" in done.stdout


def hot(**options) -> Rule:
    return Rule(
        name="Hot", when=Over(Series("heat"), 5), severity="ticket", summary="{place} at {value:whole}", **options
    )


class Clock:
    """A clock and a series that the test moves."""

    def __init__(self, *rules: Rule) -> None:
        self.samples, self.evaluator, self.at_s = Samples(), Evaluator(rules), NOON.timestamp()

    def tick(self, seconds: float, **heat: float) -> list[tuple[str, str, str]]:
        """Later, the places are as hot as said; a place not named tells nothing any more."""
        self.at_s += seconds
        self.samples.scrape(self.at_s, [_reading(place, value) for place, value in heat.items()], job="oven")
        changed = self.evaluator.evaluate(self.samples, utc(self.at_s))
        return [(alert.rule.name, alert.labels["place"], alert.state) for alert in changed]

    @property
    def states(self) -> dict[str, str]:
        return {alert.labels["place"]: alert.state for alert in self.evaluator.active}


def _reading(place: str, value: float):
    from lib.monitoring.samples import Reading

    return Reading("heat", {"place": place}, value)


def test_pending_firing_resolved():
    """An alert fires once its condition has held for `for_s` without a break, and says when each thing happened."""
    clock = Clock(hot(for_s=60))
    assert clock.tick(10, kiln=9) == [("Hot", "kiln", "pending")]
    assert clock.tick(50, kiln=9) == []
    assert clock.tick(10, kiln=9) == [("Hot", "kiln", "firing")]
    (alert,) = clock.evaluator.active
    assert (alert.active_at, alert.fired_at) == (utc(NOON.timestamp() + 10), utc(NOON.timestamp() + 70))
    assert alert.summary == "kiln at 9"
    assert clock.tick(10, kiln=7) == []
    assert clock.evaluator.active[0].summary == "kiln at 7"
    assert clock.tick(10, kiln=1) == [("Hot", "kiln", "resolved")]
    assert clock.states == {}


def test_a_break_while_pending_begins_anew():
    """Neither a good value nor a missing one counts as bad; what was pending is forgotten."""
    clock = Clock(hot(for_s=60))
    clock.tick(10, kiln=9)
    assert clock.tick(30, kiln=1) == []
    clock.tick(10, kiln=9)
    assert clock.tick(30) == []
    assert clock.states == {}
    clock.tick(10, kiln=9)
    assert clock.tick(59, kiln=9) == []
    assert clock.tick(1, kiln=9) == [("Hot", "kiln", "firing")]


def test_an_alert_keeps_firing_through_short_calm():
    """`keep_firing_s` counts from the first calm look, and anew after each bad one."""
    clock = Clock(hot(keep_firing_s=30))
    assert clock.tick(10, kiln=9) == [("Hot", "kiln", "firing")]
    clock.tick(10, kiln=1)
    assert clock.tick(29, kiln=1) == []
    clock.tick(10, kiln=9)
    assert clock.tick(10, kiln=1) == []
    assert clock.tick(30, kiln=1) == [("Hot", "kiln", "resolved")]


def test_each_combination_of_labels_is_an_alert_of_its_own():
    """One place resolves while another fires; the same place later is another alert, with another key."""
    clock = Clock(hot())
    assert clock.tick(10, kiln=9, oven=8) == [("Hot", "kiln", "firing"), ("Hot", "oven", "firing")]
    first = {alert.labels["place"]: alert.key for alert in clock.evaluator.active}
    assert clock.tick(10, kiln=9) == [("Hot", "oven", "resolved")]
    clock.tick(10, kiln=9, oven=9)
    second = {alert.labels["place"]: alert.key for alert in clock.evaluator.active}
    assert second["kiln"] == first["kiln"]
    assert second["oven"] != first["oven"]


def test_a_cause_mutes_what_follows_from_it():
    """While the cause fires, not while it is pending, the other alert says who mutes it."""
    cause = Rule(
        name="Fire", when=Over(Series("heat"), 50), for_s=60, severity="page", summary="", mutes=("Hot",)
    )  # fmt: skip
    clock = Clock(hot(), cause)
    clock.tick(10, kiln=90)
    assert {alert.rule.name: alert.muted_by for alert in clock.evaluator.active} == {"Hot": (), "Fire": ()}
    clock.tick(60, kiln=90)
    assert {alert.rule.name: alert.muted_by for alert in clock.evaluator.active} == {"Hot": ("Fire",), "Fire": ()}


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: Rule(name="too hot", when=Series("a"), severity="page", summary=""), "ModelErrorHigh"),
        (lambda: Rule(name="Hot", when=Series("a"), severity="page", summary="{value}"), "{value:percent}"),
        (lambda: Evaluator([hot(), hot()]), "several rules called Hot"),
        (lambda: Evaluator([hot(mutes=("Cold",))]), "Hot mutes Cold"),
        (lambda: Evaluator([hot(mutes=("Hot",))]), "Hot mutes Hot"),
    ],
)
def test_rules_that_cannot_be_meant_are_refused(make, reason):
    """A misspelt name or style is an error with the way out, before anything is evaluated or written."""
    with pytest.raises(MonitoringError, match=re.escape(reason)):
        make()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_every_rule_has_its_page(rule):
    """Named for the rule, with what it means, what to look at, what to do, and how to see that it is over."""
    page = rule.runbook.read_text("utf-8")
    headings = re.findall(r"^#+ (.+)$", page, re.MULTILINE)
    assert headings == [rule.name, "What it means", "Look", "Do", "It is over when"]
    assert page.count("`") >= 2, "a page without a command or a query to look at"
    if rule.action:
        assert rule.action in page


def test_no_page_is_left_without_a_rule():
    """A rule that went takes its page with it."""
    assert {path.stem for path in RUNBOOKS.glob("[A-Z]*.md")} == {rule.name for rule in RULES}


def test_labels_are_one_key_whatever_their_order():
    """An empty label is no label, as for Prometheus."""
    assert labelled({"b": "2", "a": "1", "c": ""}) == (("a", "1"), ("b", "2"))
