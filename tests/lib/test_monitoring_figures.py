"""What the monitor and the server tell as metrics: what is told no more is gone, and several workers are one."""

from __future__ import annotations

import re
import subprocess

import psutil
from prometheus_client import CollectorRegistry, generate_latest

from lib.cli import main
from lib.monitoring.estimate import Estimate
from lib.monitoring.evaluate import Evaluator, utc
from lib.monitoring.figures import Figures
from lib.monitoring.query import Over, Series
from lib.monitoring.rules import Rule
from lib.monitoring.samples import Reading, Samples
from lib.serving import create_app
from lib.serving.metrics import Metrics
from lib.settings import Settings
from tests.lib.monitoring_tools import promtool
from tests.lib.serving_tools import forest, serving


def text(figures: Figures) -> str:
    registry = CollectorRegistry()
    registry.register(figures)
    return generate_latest(registry).decode()


GUESS = Estimate(loss="rmse", value=5, low=4, high=6, n=90)


def _error(figures: Figures, version: int) -> None:
    figures.show_error("houses", version, rmse_eur=5, low_eur=4, high_eur=6, reference_eur=5, labels=90, coverage=0.5)


def test_what_is_not_told_again_is_gone():
    """A replaced version, a feature that is no longer watched and an estimate that was not made leave no series."""
    figures = Figures()
    _error(figures, 1)
    figures.show_estimate("houses", 1, GUESS)
    figures.show_drift([("area_m2", "psi", 0.3, 0.1, True), ("rooms", "ks", 0.1, 0.1, False)])
    assert 'monitoring_rmse_estimated_eur{model="houses",version="1"} 5.0' in text(figures)
    _error(figures, 2)
    figures.show_estimate("houses", 2, None)
    figures.show_drift([("rooms", "ks", 0.1, 0.1, False)])
    told = text(figures)
    assert 'version="1"' not in told
    assert "estimated" not in told
    assert "area_m2" not in told


def test_before_the_first_look_nothing_is_claimed():
    """No rows are not sound rows, and never is not 1970: only counters begin at 0."""
    assert [line for line in text(Figures()).splitlines() if not line.startswith("#")] == [
        "monitoring_judged_total 0.0",
        "monitoring_judged_within_total 0.0",
    ]


def test_alerts_are_counted_by_state():
    """Quiet rules are told as 0, so that a board has data on a good day."""
    rules = [
        Rule(name=name, when=Over(Series(name.lower()), 1), severity="page", summary="", for_s=for_s)
        for name, for_s in (("Hot", 0), ("Cold", 60), ("Wet", 0))
    ]
    samples, evaluator, figures = Samples(), Evaluator(rules), Figures()
    samples.scrape(0.0, [Reading(name, {}, value) for name, value in (("hot", 2), ("cold", 2), ("wet", 0))], job="x")
    evaluator.evaluate(samples, utc(0.0))
    figures.show_alerts(rules, evaluator.active)
    told = text(figures)
    for name, state, value in (
        ("Hot", "firing", 1),
        ("Hot", "pending", 0),
        ("Cold", "pending", 1),
        ("Wet", "firing", 0),
    ):
        line = f'monitoring_alerts{{alertname="{name}",severity="page",state="{state}"}} {float(value)}'
        assert line in told.splitlines()


def test_server_tells_what_it_takes_of_the_machine(tmp_path):
    """Processor, memory and files, the queue's size, whether a model answers, and the monitor's figures."""
    figures = Figures()
    figures.show_bad_rows(0.25)
    me = psutil.Process()
    with serving(create_app(forest(), settings=Settings(root=tmp_path), figures=[figures])) as served:
        told = served.get("/metrics").text
    values = {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in told.splitlines() if line[0] != "#"}
    assert values["serving_queue_capacity_rows"] == 4_096
    assert values["serving_model_loaded"] == 1
    assert values["monitoring_bad_rows_ratio"] == 0.25
    assert 0 < values["process_cpu_seconds_total"] <= sum(me.cpu_times()[:2])
    assert values["process_resident_memory_bytes"] > 1e7
    assert values["process_open_fds"] > 3
    assert abs(values["process_start_time_seconds"] - me.create_time()) < 2


def test_names_are_as_prometheus_wants_them(tmp_path):
    """promtool has nothing to say about the names, units and types of all that is exported."""
    figures = Figures()
    _error(figures, 1)
    figures.show_estimate("houses", 1, GUESS)
    figures.show_scores("houses", 1, f1=0.5)
    figures.show_concept("houses", 1, detected=False)
    figures.show_drift([("area_m2", "psi", 0.3, 0.1, True)])
    figures.show_bad_rows(0.0)
    figures.count_labels(late=1)
    metrics = Metrics(queue_rows=9, also=[figures])
    metrics.requests.labels("/predict", "200").inc()
    done = subprocess.run([promtool(), "check", "metrics"], input=metrics.render(), capture_output=True, check=False)
    said = (done.stdout + done.stderr).decode().splitlines()
    assert [line for line in said if line.strip()] == []
    assert done.returncode == 0


def test_actions_by_hand_from_a_shell(tmp_path, capsys):
    """Manual mode on, listed, undone; a wrong number and a missing reason are errors in words."""
    root = ["--root", str(tmp_path)]
    who = ["--by", "ada", "--reason", "the feed moves house"]
    assert main(["actions", "manual", *root, *who, "--amount", "2900", "--per", "area_m2"]) == 0
    assert main(["actions", "list", *root]) == 0
    assert main(["actions", "undo", "2", *root, *who]) == 0
    assert main(["actions", "undo", "2", *root, *who]) == 1
    assert main(["actions", "fall-back", *root, *who]) == 1
    said = capsys.readouterr()
    assert "manual mode is on: 2,900 for each area_m2 is answered" in said.out
    assert _listed(said.out) == ["1 manual, begun", "2 manual, done"]
    assert "manual mode is off: the model answers" in said.out
    assert "error: entry 2 was undone already." in said.err


def _listed(said: str) -> list[str]:
    """The lines of the log, without their times."""
    found = re.findall(r"^ +(\d+) \S+ \S+ (\w+, \w+) by ada", said, re.MULTILINE)
    return [f"{number} {what}" for number, what in found]
