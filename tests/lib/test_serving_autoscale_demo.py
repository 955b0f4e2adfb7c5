"""What the autoscale demo is made of, without its processes: the load, the record, the picture, the view."""

from __future__ import annotations

import io
import math

import pytest
from rich.console import Console

from lib.cli import main
from lib.errors import DataError
from lib.serving.autoscale_demo import Demo
from lib.serving.autoscale_picture import draw_autoscale
from lib.serving.autoscale_record import Step, read_steps, write_steps
from lib.serving.autoscale_view import watch
from lib.serving.traffic import arrivals, traffic
from tests.lib.serving_tools import wait
from tests.lib.test_serving_proxy import Backend


def step(at_s, **changes):
    """A quiet moment."""
    quiet = {
        "at_s": at_s, "offered": 10.0, "answered": 9.0, "in_flight": (2.5, None), "target": 2.8, "wanted": 2,
        "serving": 1, "starting": 1, "draining": 0, "p50_ms": 101.0, "p95_ms": 130.0, "failed": 0,
    }  # fmt: skip
    return Step(**{**quiet, **changes})


def test_arrivals_have_the_rate_that_was_asked_for():
    """Within what chance allows, in each half; the same seed gives the same load."""
    rate = {False: 20.0, True: 80.0}
    due_s = list(arrivals(lambda at_s: rate[at_s >= 50], 100, top=100, seed=3))
    early = sum(at_s < 50 for at_s in due_s)
    assert abs(early - 1000) < 5 * math.sqrt(1000)
    assert abs(len(due_s) - early - 4000) < 5 * math.sqrt(4000)
    assert due_s == sorted(due_s)
    assert due_s == list(arrivals(lambda at_s: rate[at_s >= 50], 100, top=100, seed=3))


def test_a_stalled_server_makes_late_what_was_due_meanwhile():
    """The client keeps to its times, so that a stall of a while is seen by every request that was due in it."""
    server = Backend()
    server.gate.clear()
    due_s = [number / 50 for number in range(30)]
    try:
        with traffic(f"http://{server.address}/predict", [b"{}"], due_s) as sending:
            wait(lambda: len(server.seen) == 30)
            stalled_s = sending.now_s
            server.gate.set()
    finally:
        server.stop()
    assert len(sending.answered) == 30
    assert sending.wrong == []
    assert all(sent.due_s + sent.latency_s >= stalled_s for sent in sending.answered)


def test_what_goes_wrong_is_counted_with_its_reason():
    """No answer, another status and a wrong answer are three reasons; a stopped client sends no more."""
    server = Backend()
    try:
        with traffic(f"http://{server.address}/", [b"{}"], [0.0, 60.0], check=lambda *_: "not what I asked") as sending:
            wait(lambda: sending.answered)
            sending.stopped.set()
    finally:
        server.stop()
    assert [sent.wrong for sent in sending.answered] == ["not what I asked"]
    with traffic(f"http://{server.address}/", [b"{}"], [0.0]) as sending:
        pass
    assert "ClientConnectorError" in sending.wrong[0].wrong


def test_the_load_rises_to_the_peak_and_falls_again():
    """Whatever the length, and the time constants go with it."""
    for seconds in (9.0, 90.0):
        demo = Demo(seconds=seconds, peak=100.0)
        assert demo.rate(0) == demo.rate(seconds) == 10
        assert max(demo.rate(seconds * share / 100) for share in range(101)) == 100
        assert demo.faster * seconds == 90 * 15


def test_a_record_is_read_as_it_was_written(tmp_path):
    """One line a step; what is no record is an error with a way out."""
    steps = [step(1.0), step(2.0, in_flight=(), p50_ms=None, p95_ms=None)]
    write_steps(tmp_path / "steps.jsonl", steps)
    assert read_steps(tmp_path / "steps.jsonl") == steps
    (tmp_path / "other.jsonl").write_text('{"at_s": 1}\n')
    for name in ("other.jsonl", "missing.jsonl"):
        with pytest.raises(DataError, match="make autoscale"):
            read_steps(tmp_path / name)


def test_the_picture_shows_load_replicas_and_latency():
    """Three panels over the same seconds, each with its unit; moments without an answer are left out."""
    steps = [step(1.0, p50_ms=None, p95_ms=None), step(2.0, wanted=3), step(3.0, failed=1)]
    figure = draw_autoscale(steps)
    load, replicas, latency = figure.axes
    assert [axes.get_ylabel() for axes in figure.axes] == ["requests a second", "replicas", "latency, ms"]
    assert latency.get_xlabel() == "seconds since the start"
    assert load.get_title(loc="left") == "Replicas follow the load; 1 request failed"
    assert list(replicas.lines[0].get_ydata()) == [2, 3, 2]
    assert list(latency.lines[0].get_xdata()) == [2.0, 3.0]
    with pytest.raises(DataError, match="1 steps"):
        draw_autoscale(steps[:1])


@pytest.mark.parametrize("terminal", [True, False])
def test_the_view_tells_how_it_stands(terminal):
    """In a terminal as bars that move, else as a line now and then."""
    console = Console(file=io.StringIO(), force_terminal=terminal, width=120, color_system=None)
    with watch(console) as (say, show):
        say("hello [there]")
        for number in range(10):
            show(step(float(number), serving=number % 3, failed=7))
    written = console.file.getvalue()
    assert "hello [there]" in written
    assert "failed 7" in written or "7 failed" in written
    assert ("█" in written) == terminal


@pytest.mark.parametrize(
    ("option", "value"), [("--seconds", "0"), ("--peak", "-1"), ("--connections", "0"), ("--maximum", "x")]
)
def test_impossible_options_are_refused(option, value, capsys):
    """Before anything is started."""
    with pytest.raises(SystemExit):
        main(["autoscale", option, value])
    assert option in capsys.readouterr().err
