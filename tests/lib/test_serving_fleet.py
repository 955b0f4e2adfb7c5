"""Real server processes behind a real proxy: they come, go and die, and clients notice nothing that they need not."""

from __future__ import annotations

import json
import os
import signal

import kubernetes_validate
import psutil
import pytest
import requests
import yaml
from sklearn.linear_model import Ridge

from lib.cli import main
from lib.errors import ReplicaDied
from lib.registry import load_version, register
from lib.serving.autoscale_record import read_steps
from lib.serving.fleet import Fleet
from lib.serving.in_flight import InFlight
from lib.serving.lookup import SimulatedLookup
from lib.serving.proxy import open_proxy
from lib.serving.replica import Replica
from lib.serving.traffic import traffic
from tests.lib.registered import FEATURES, a_run, champion, houses, settings_in
from tests.lib.serving_tools import WAIT_S, process, require_haproxy, wait

MODEL = "m"


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    """A registry with a champion, version 1, and a version 2 that nobody has promoted."""
    settings = settings_in(tmp_path_factory.mktemp("fleet"))
    champion(MODEL, a_run(settings, Ridge(alpha=1.0)), settings)
    register(a_run(settings, Ridge(alpha=300.0)), MODEL, by="ada", settings=settings)
    return settings


@pytest.fixture(scope="module")
def asked(settings):
    """Bodies of requests, and by version what each is answered."""
    rows = houses()[FEATURES].head(50)
    bodies = [json.dumps(row).encode() for row in rows.to_dict("records")]
    answers = {number: load_version(MODEL, number, settings=settings).model.predict(rows).tolist() for number in (1, 2)}
    return bodies, answers


@pytest.fixture(params=["haproxy", pytest.param("embedded", marks=pytest.mark.thorough)])
def fleet(request, settings):
    """An empty fleet behind each kind of proxy; its replicas take 20 ms for an answer."""
    if request.param == "haproxy":
        require_haproxy()
    lookup = SimulatedLookup(seconds=0.02, connections=8)
    said = []
    with open_proxy(kind=request.param) as proxy, Fleet(
        proxy, lambda version: Replica(MODEL, settings=settings, version=version, lookup=lookup), say=said.append
    ) as fleet:  # fmt: skip
        fleet.said = said
        yield fleet
    assert fleet.members == []


def right(asked, versions=(1,)):
    """Whether an answer is that of a version, but for the last digits, which move with the rows predicted together."""
    bodies, answers = asked

    def check(number, body):
        found = json.loads(body)
        expected = answers[found["model_version"]][number % len(bodies)]
        if found["predictions"] == pytest.approx([expected], rel=1e-9) and found["model_version"] in versions:
            return None
        return f"{found}, expected {expected}"

    return check


def steadily(fleet, asked, *, rate=60, seconds=60, **options):
    """A constant load on the fleet; stop it when the test has seen enough."""
    due = [number / rate for number in range(int(rate * seconds))]
    return traffic(f"{fleet.proxy.url}/predict", asked[0], due, check=right(asked, **options))


@pytest.mark.thorough
def test_scaling_up_and_down_under_load_loses_no_request(fleet, asked):
    """1 → 3 → 1 replicas: every request is answered, and rightly; all three had some."""
    fleet.scale_to(1)
    fleet.settle()
    with steadily(fleet, asked) as sending:
        fleet.scale_to(3)
        fleet.settle()
        wait(lambda: all(found.requests > 5 for found in fleet.proxy.counts().values()))
        assert len(fleet.proxy.counts()) == 3
        fleet.scale_to(1)
        fleet.settle()
        so_far = len(sending.answered)
        wait(lambda: len(sending.answered) > so_far + 20)
        sending.stopped.set()
    assert sending.wrong == []
    assert len(fleet.members) == 1


@pytest.mark.thorough
def test_a_killed_replica_is_replaced(fleet, asked):
    """Only what it had taken fails, as the proxy's contract says; the others go on, and soon there are two again."""
    fleet.scale_to(2)
    fleet.settle()
    with steadily(fleet, asked) as sending:
        wait(lambda: len(sending.answered) > 20)
        victim = fleet.members[0].replica
        os.kill(victim.pid, signal.SIGKILL)
        wait(victim.end)
        died_s = sending.now_s
        fleet.settle()
        so_far = len(sending.answered)
        wait(lambda: len(sending.answered) > so_far + 20)
        sending.stopped.set()
    assert victim.address not in [member.replica.address for member in fleet.members]
    assert fleet.count("serving") == 2
    assert "signal 9" in fleet.said[0]
    assert [sent for sent in sending.wrong if sent.due_s > died_s] == []
    told = ("502", "ServerDisconnectedError")
    assert [sent.wrong for sent in sending.wrong if not sent.wrong.startswith(told)] == []


def test_a_canary_gets_its_share_and_can_be_taken_back(fleet, asked):
    """A version that is not the champion runs without requests, then with a fifth, then with none."""
    fleet.share({None: 1.0})
    fleet.scale_to(1)
    fleet.scale_to(1, version=2)
    fleet.settle()
    canary = next(member.replica for member in fleet.members if member.replica.version == 2)
    assert json.loads(canary.get("/ready")[1])["model_version"] == 2
    url = f"{fleet.proxy.url}/predict"

    def versions():
        answers = [requests.post(url, data=asked[0][0], headers={"Content-Type": "application/json"}, timeout=WAIT_S)
                   for _ in range(20)]  # fmt: skip
        return [answer.json()["model_version"] for answer in answers].count(2)

    assert versions() == 0
    fleet.share({None: 0.8, 2: 0.2})
    fleet.settle()
    assert versions() == 4
    with steadily(fleet, asked, versions=(1, 2)) as sending:
        wait(lambda: len(sending.answered) > 20)
        fleet.share({None: 1.0})
        fleet.scale_to(0, version=2)
        fleet.settle()
        sending.stopped.set()
    assert sending.wrong == []
    assert canary.end() is not None


def test_a_version_that_does_not_exist_is_given_up(settings):
    """The reason is said; what serves is left alone, and calling again tries again."""
    with open_proxy() as proxy, Fleet(
        proxy, lambda version: Replica(MODEL, settings=settings, version=version)
    ) as fleet:  # fmt: skip
        fleet.scale_to(1)
        fleet.settle()
        fleet.scale_to(1, version=99)
        fleet.reconcile()
        (asked,) = [member.replica for member in fleet.members if member.state == "starting"]
        wait(lambda: "has no version 99" in asked.said())
        fleet._ready_s = 0.0
        with pytest.raises(ReplicaDied, match=r"version 99 of m at .* m has no version 99"):
            fleet.settle()
        assert [member.replica.version for member in fleet.members if member.state == "serving"] == [None]
        fleet.scale_to(0, version=99)
        fleet.settle()


def test_requests_in_flight_are_measured_by_replica(settings, asked):
    """Two requests at a time for a while are a mean of two; probes do not count; the first look knows nothing yet."""
    lookup = SimulatedLookup(seconds=0.1, connections=1)
    with open_proxy() as proxy, Fleet(
        proxy, lambda version: Replica(MODEL, settings=settings, version=version, lookup=lookup)
    ) as fleet:  # fmt: skip
        fleet.scale_to(1)
        fleet.settle()
        in_flight = InFlight(window_s=10)
        assert in_flight.measure(0.0, fleet.serving) == [None]
        with traffic(f"{proxy.url}/predict", asked[0], [0.0, 0.0, 0.0], check=right(asked)) as sending:
            pass
        assert sending.wrong == []
        # One connection: they took 0.1, 0.2 and 0.3 s, in what is said to be a third of a second.
        (mean,) = in_flight.measure(0.3, fleet.serving)
        assert 2 <= mean < 10
        fleet.members[0].replica.kill()
        assert in_flight.measure(0.6, fleet.serving) == [None]


@pytest.mark.thorough
def test_replicas_end_with_a_killed_parent(settings, tmp_path):
    """No process is left of a fleet whose owner was killed."""
    program = tmp_path / "owner.py"
    program.write_text(
        "import signal, sys\nfrom lib.serving.replica import Replica\nfrom lib.settings import Settings\n"
        "if __name__ == '__main__':\n"
        f"    replica = Replica({MODEL!r}, settings=Settings.model_validate_json(sys.argv[1]))\n"
        "    print(replica.wait_ready().pid, flush=True)\n    signal.pause()\n"
    )
    with process([str(program), settings.model_dump_json()], tmp_path) as parent:
        wait(lambda: (tmp_path / "said").read_text().endswith("\n"))
        started = psutil.Process(parent.pid).children(recursive=True)
        assert int((tmp_path / "said").read_text()) in [each.pid for each in started]
        parent.kill()
        _, alive = psutil.wait_procs(started, timeout=WAIT_S)
        # Nobody may be there to reap what is left to the system.
        assert [each for each in alive if each.status() != psutil.STATUS_ZOMBIE] == []


def test_a_replica_that_dies_says_how(settings):
    """Whoever waits for it is told at once, not after the deadline."""
    with Replica(MODEL, settings=settings) as replica:
        os.kill(replica.pid, signal.SIGKILL)
        with pytest.raises(ReplicaDied, match="was ended by signal 9"):
            replica.wait_ready()


def autoscale(settings, out, *options):
    return main(
        ["autoscale", "--root", str(settings.root), "--model", MODEL, "--out", str(out), "--service-time", "0.05",
         "--connections", "2", "--maximum", "3", *options]
    )  # fmt: skip


@pytest.mark.thorough
def test_the_demo_scales_up_and_down_and_fails_nothing(settings, tmp_path, capsys):
    """A load of more than one replica's worth brings a second; the record, the picture and the manifest are written."""
    for seconds in ("12", "36", "108"):  # on a busy machine a second replica needs longer than the short load lasts
        assert autoscale(settings, tmp_path, "--seconds", seconds, "--peak", "60") == 0
        steps = read_steps(tmp_path / "steps.jsonl")
        assert len(steps) == 90
        up = max(step.serving for step in steps) > 1
        down = steps[-1].wanted < max(step.wanted for step in steps)
        if up and down:
            break
    assert up
    assert down
    assert steps[-1].failed == 0
    assert all(step.p50_ms >= 50 for step in steps if step.p50_ms is not None)
    assert (tmp_path / "autoscale.png").stat().st_size > 10_000
    manifest = yaml.safe_load((tmp_path / "hpa.yaml").read_text())
    kubernetes_validate.validate(manifest, "1.34", strict=True)
    said = capsys.readouterr().out
    assert "Simulated: each answer waits 50 ms" in said
    assert "0 failed" in said


def test_the_demo_ends_with_an_error_when_a_request_failed(settings, tmp_path, monkeypatch, capsys):
    """An answer that comes too late for the client is a failure, and the command says so by its exit code."""
    monkeypatch.setattr("lib.serving.traffic.ANSWER_S", 0.04)
    assert autoscale(settings, tmp_path, "--seconds", "1.5", "--peak", "20", "--proxy", "embedded") == 1
    assert "TimeoutError" in capsys.readouterr().out
    assert read_steps(tmp_path / "steps.jsonl")[-1].failed > 0


def test_an_unusable_folder_is_said_before_anything_starts(settings, tmp_path, capsys):
    """The error names it and the way out."""
    (tmp_path / "file").touch()
    assert autoscale(settings, tmp_path / "file") == 1
    assert "--out" in capsys.readouterr().err
