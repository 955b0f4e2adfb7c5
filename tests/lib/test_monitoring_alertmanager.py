"""From a figure of the monitor to an action in the log, through the real Prometheus and the real Alertmanager."""

from __future__ import annotations

import subprocess

import pytest
import requests
import yaml

from lib.monitoring.actions import ManualMode
from lib.monitoring.alertmanager import Routing, configuration
from lib.monitoring.audit import ActionLog
from lib.monitoring.catalogue import GROUPS, RULES
from lib.monitoring.figures import Figures
from lib.monitoring.hook import alerts_hook
from lib.monitoring.manual import Fallback, Switch, guarded
from lib.monitoring.prometheus_rules import rule_file
from lib.monitoring.respond import Responder
from lib.monitoring.rules import Rule
from lib.serving import Limits, create_app
from lib.settings import Settings
from tests.lib.monitoring_tools import program, prometheus
from tests.lib.serving_tools import WAIT_S, forest, rows, serving, wait
from tests.require import executable

TOKEN = "only-alertmanager-knows"


class Heard(Responder):
    """Keeps what it was told."""

    def __init__(self, *given, **named) -> None:
        super().__init__(*given, **named)
        self.notices: list = []

    def take(self, notice, *, now):
        self.notices.append(notice)
        return super().take(notice, now=now)

    def states(self, rule: str) -> list[str]:
        return [notice.state for notice in self.notices if notice.rule == rule]


@pytest.fixture(scope="module")
def line(tmp_path_factory):
    """Server, Prometheus and Alertmanager, joined up; the rules that wait for long wait for nothing here."""
    folder = tmp_path_factory.mktemp("line")
    figures, switch, log = Figures(), Switch(folder / "manual.json"), ActionLog(folder / "actions.jsonl")
    responder = Heard(RULES, [ManualMode(switch, Fallback(amount=2_900, per="area_m2"))], log)
    app = create_app(
        guarded(forest, switch), settings=Settings(root=folder), limits=Limits(poll_s=0.05), figures=[figures],
        extensions=[alerts_hook(responder, token=TOKEN)],
    )  # fmt: skip
    groups = {name: [_at_once(rule) for rule in rules] for name, rules in GROUPS.items()}
    with serving(app) as served:
        (folder / "token").write_text(TOKEN)
        routing = Routing(
            webhook=f"{served.url}/alerts", token_file=str(folder / "token"), group_wait_s=0.5, group_interval_s=0.5
        )
        file = folder / "alertmanager.yaml"
        file.write_text(yaml.safe_dump(configuration(RULES, routing)))
        words = [f"--config.file={file}", f"--storage.path={folder}/am", "--cluster.listen-address="]
        with (
            program("alertmanager", words, folder / "am") as alertmanager,
            prometheus(folder / "prometheus", served.url, rules=rule_file(groups), alertmanager=alertmanager),
        ):
            yield served, figures, responder, alertmanager


def _at_once(rule: Rule) -> Rule:
    import dataclasses

    return dataclasses.replace(rule, for_s=0.0, keep_firing_s=0.0)


def _status(alertmanager: str, rule: str) -> dict:
    """What Alertmanager itself says of the alerts of a rule, by one of their labels."""
    told = requests.get(f"{alertmanager}/api/v2/alerts", timeout=WAIT_S).json()
    return {each["labels"].get("feature", ""): each["status"] for each in told if each["labels"]["alertname"] == rule}


def _drift(*drifted: str) -> list[tuple[str, str, float, float, bool]]:
    return [(name, "psi", 0.3, 0.1, name in drifted) for name in ("area_m2", "rooms", "age_years")]


def test_firing_and_resolved_arrive_and_act(line):
    """Broken data: manual mode is on and a rule answers; mended: it is off and the model answers; all is logged."""
    served, figures, responder, _ = line
    house = rows(1)[0]
    by_model = served.post("/predict", house).json()
    figures.show_bad_rows(0.62)
    wait(lambda: responder.states("DataBroken") == ["firing"])
    wait(lambda: served.get("/ready").json()["model_version"] == 0)
    assert served.post("/predict", house).json()["predictions"] == [2_900 * house["area_m2"]]
    figures.show_bad_rows(0.0)
    wait(lambda: responder.states("DataBroken") == ["firing", "resolved"])
    wait(lambda: served.get("/ready").json()["model_version"] == 1)
    assert served.post("/predict", house).json()["predictions"] == by_model["predictions"]
    entries = [(entry.action, entry.outcome) for entry in responder.log.entries()]
    assert entries == [("manual", "begun"), ("manual", "done"), ("manual", "undone")]


def test_alerts_of_one_rule_are_one_message_and_a_cause_silences_the_rest(line):
    """Two features drift: one message tells both. Then the data breaks, and the drift of a third is not told."""
    _, figures, responder, alertmanager = line
    before = len(responder.notices)
    figures.show_drift(_drift("area_m2", "rooms"))
    wait(lambda: responder.states("DataDrift").count("firing") >= 2)
    told = [notice for notice in responder.notices[before:] if notice.rule == "DataDrift"]
    assert {notice.summary.split()[3] for notice in told} == {"area_m2", "rooms"}
    groups = requests.get(f"{alertmanager}/api/v2/alerts/groups", timeout=WAIT_S).json()
    assert [len(each["alerts"]) for each in groups if each["labels"] == {"alertname": "DataDrift"}] == [2]
    figures.show_bad_rows(0.62)
    wait(lambda: responder.states("DataBroken")[-1] == "firing")
    figures.show_drift(_drift("area_m2", "rooms", "age_years"))
    wait(lambda: _status(alertmanager, "DataDrift").get("age_years", {}).get("inhibitedBy"))
    assert not any("age_years" in notice.summary for notice in responder.notices)
    figures.show_drift(_drift())
    figures.show_bad_rows(0.0)
    wait(lambda: responder.states("DataBroken")[-1] == "resolved")


def test_a_silence_keeps_quiet(line):
    """amtool silences a rule by hand; the alert is there, and nobody is told."""
    _, figures, responder, alertmanager = line
    amtool = executable("amtool", way_out="apt-get install prometheus-alertmanager")
    subprocess.run(
        [amtool, "silence", "add", f"--alertmanager.url={alertmanager}", "--author=ada", "--comment=known",
         "alertname=ConceptDrift"],
        check=True, capture_output=True,
    )  # fmt: skip
    figures.show_concept("houses", 1, detected=True)
    wait(lambda: _status(alertmanager, "ConceptDrift").get("", {}).get("silencedBy"))
    figures.show_error(
        "houses", 1, rmse_eur=5, low_eur=4, high_eur=6, reference_eur=5, labels=9, coverage=0.1
    )  # fmt: skip
    wait(lambda: responder.states("LabelsMissing") == ["firing"])  # later, and yet told first
    assert responder.states("ConceptDrift") == []


@pytest.mark.parametrize(
    ("headers", "content", "status"),
    [
        ({}, {"alerts": []}, 401),
        ({"Authorization": "Bearer wrong"}, {"alerts": []}, 401),
        ({"Authorization": f"Bearer {TOKEN}"}, {"alerts": [{"status": "firing"}]}, 422),
        ({"Authorization": f"Bearer {TOKEN}"}, ["firing"], 422),
        ({"Authorization": f"Bearer {TOKEN}"}, {"alerts": []}, 200),
    ],
)
def test_only_who_knows_the_token_moves_anything(line, headers, content, status):
    """Without it, or with another form, nothing is done and the reason is given."""
    served, _, responder, _ = line
    before = len(responder.log.entries())
    answer = served.post("/alerts", content, headers=headers)
    assert answer.status_code == status
    assert "error" in answer.json() or status == 200
    assert len(responder.log.entries()) == before


def test_amtool_takes_the_configuration_and_routes(tmp_path):
    """A page reaches the one on call, anything else the tickets, with a webhook or without."""
    amtool = executable("amtool", way_out="apt-get install prometheus-alertmanager")
    for name, routing in (("plain", Routing()), ("hook", Routing(webhook="http://127.0.0.1:9/x", token_file="/t"))):
        file = tmp_path / f"{name}.yaml"
        file.write_text(yaml.safe_dump(configuration(RULES, routing)))
        subprocess.run([amtool, "check-config", file], check=True, capture_output=True)
        for rule in RULES:
            words = ["config", "routes", "test", f"--config.file={file}", f"severity={rule.severity}"]
            done = subprocess.run([amtool, *words], check=True, capture_output=True, text=True)
            assert done.stdout.strip() == {"page": "on-call", "ticket": "tickets"}[rule.severity]
