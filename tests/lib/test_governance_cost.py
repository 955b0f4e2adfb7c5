"""The cost report: what is measured was used, what is allocated adds up, and a projection holds what it says."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

import numpy as np
import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.cli import _parser, main
from lib.cli_cost import OVER
from lib.cli_monitor import _spent
from lib.errors import CostError
from lib.governance.cost_allocate import Capacity, Costs, allocate, usage_costs
from lib.governance.cost_meter import metered
from lib.governance.cost_prices import Prices, read_prices
from lib.governance.cost_project import Projection, budget_state, by_period, project
from lib.governance.cost_turns import Turns
from lib.governance.cost_usage import Usage, UsageLog

START = datetime(2026, 3, 1, tzinfo=UTC)
PRICES = Prices(currency="EUR", core_hour=3.6, memory_gib_hour=0.36, storage_gib_hour=0.036, source="a test")
PHASES = ["train", "serve", "batch", "stream", "monitor", "store"]
MIB = 2**20
BURN = "import time\nwhile time.process_time() < 0.4: pass\nprint(time.process_time())"
HOLD = "held = bytearray(300 * 2**20); held[::4096] = b'x' * len(held[::4096]); print('held', flush=True); input()"


def usage(phase="serve", *, at=0.0, **more):
    return Usage(phase=phase, started=START + timedelta(seconds=at), **{"wall_s": 1.0, **more})


def test_child_that_has_ended_is_counted():
    """Its processor time is on the bill of whoever started it, and time asleep is on nobody's."""
    with metered() as taken:
        burnt = float(subprocess.run([sys.executable, "-c", BURN], capture_output=True, check=True).stdout)
    assert burnt <= taken.cpu_s + 0.02  # the system counts in hundredths
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        with metered(child.pid) as taken:
            subprocess.run([sys.executable, "-c", BURN], capture_output=True, check=True)
        child.communicate(b"\n")
    assert taken.cpu_s < burnt / 2
    assert taken.wall_s > burnt / 2


def test_memory_of_the_tree_is_counted_while_it_is_held():
    """300 MiB in a child of a child are seen, and are gone from the next measurement."""
    outer = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {HOLD!r}])"
    with subprocess.Popen([sys.executable, "-c", outer], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout.readline() == b"held\n"
        with metered(child.pid, every_s=0.01) as taken:
            child.communicate(b"\n")
    assert 300 * MIB / 2**30 <= taken.peak_gib < 1
    assert 0 < taken.memory_gib_s <= taken.peak_gib * taken.wall_s * 1.001


def test_what_is_measured_by_itself_is_on_one_bill_only():
    """A server that this process started and that is measured apart costs nothing here, nor does what it started."""
    outer = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {HOLD!r}])"
    with subprocess.Popen([sys.executable, "-c", outer], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout.readline() == b"held\n"
        with metered() as both, metered(without=[child.pid]) as ours, metered(child.pid) as theirs:
            pass
        child.communicate(b"\n")
    assert theirs.peak_gib >= 300 * MIB / 2**30
    assert both.peak_gib >= ours.peak_gib + 300 * MIB / 2**30


def test_failed_work_has_cost_too(tmp_path):
    """The log has it, with what became known before; a line that is none is named."""
    log = UsageLog(tmp_path / "usage.jsonl")
    with contextlib.suppress(ZeroDivisionError), log.measuring("batch") as counted:
        counted.version, counted.predictions = 3, 7
        counted.predictions //= 0
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "weights").write_bytes(bytes(3 * MIB))
    assert log.keep("store", [tmp_path / "model"], wall_s=1024.0) == 3 * MIB
    spent, kept = log.entries()
    assert (spent.phase, spent.version, spent.predictions) == ("batch", 3, 7)
    assert spent.memory_gib_s > 0
    assert kept.storage_gib_s == pytest.approx(3.0)
    with log.path.open("a") as stream:
        stream.write('{"phase": "party"}\n')
    with pytest.raises(CostError, match=r"line 3 of .*usage.jsonl is no usage: Input should be 'train', 'serve'"):
        log.entries()


parts = st.builds(
    usage, st.sampled_from(PHASES), version=st.sampled_from([None, 1, 2]), cpu_s=st.floats(0, 50),
    memory_gib_s=st.floats(0, 50), storage_gib_s=st.floats(0, 1e4), predictions=st.integers(0, 10**6),
)  # fmt: skip


@given(st.lists(parts, max_size=12))
@settings(deadline=None)
def test_the_parts_add_up_to_the_bill(usages):
    """Phases and idle, or versions and idle, are what the machine costs and the disk; nothing is counted twice."""
    report = allocate(usages, PRICES, Capacity(cores=2, memory_gib=4, window_s=600))
    disk = sum(each.storage_gib_s for each in usages) * 1e-5
    assert report.total.total == pytest.approx(2 * 600 * 1e-3 + 4 * 600 * 1e-4 + disk)
    for shares in (report.by_phase(), report.by_version()):
        assert sum(shares.values(), Costs()).total + report.idle.total == pytest.approx(report.total.total)
    assert 0 <= report.efficiency <= 1
    for each in report.allocations:
        if each.predictions:
            assert each.per_thousand * each.predictions / 1_000 == pytest.approx(each.costs.total)


def test_more_than_there_was_is_an_error():
    """A machine of one core has no 61 seconds in a minute."""
    with pytest.raises(CostError, match=r"61\.0 core seconds were used of 60\.0"):
        allocate([usage(cpu_s=61.0)], PRICES, Capacity(cores=1, memory_gib=4, window_s=60))


def test_projection_holds_the_sum_as_often_as_it_says():
    """Of 4,000 months whose days scatter, 95 % lie in the interval that their first eight days gave."""
    draws = np.random.default_rng(5).normal(10, 3, size=(4_000, 8 + 30))
    found = [project(row[:8].tolist(), periods=30) for row in draws]
    inside = [each.low <= total <= each.high for each, total in zip(found, draws[:, 8:].sum(axis=1), strict=True)]
    assert 0.94 < np.mean(inside) < 0.96
    with pytest.raises(CostError, match="1 periods say nothing"):
        project([1.0], periods=30)


@pytest.mark.parametrize(("budget", "state"), [(119, "over"), (121, "at risk"), (141, "within")])
def test_budget(budget, state):
    """More is expected, may come, or will hardly come."""
    projection = Projection(periods=30, expected=120, low=100, high=140, confidence=0.95)
    assert budget_state(projection, budget) == state


def test_work_is_charged_to_the_period_in_which_it_began():
    """What began before the first, or after the last, is in none."""
    used = [usage(at=at, cpu_s=seconds) for at, seconds in ((-1, 50), (0, 1), (9, 2), (10, 3), (20, 70))]
    edges = [START + timedelta(seconds=at) for at in (0, 10, 20)]
    assert by_period(used, PRICES, edges) == pytest.approx([0.003, 0.003])


def test_prices_are_declared_and_checked(tmp_path):
    """Ours name their source; a misspelt one is an error that says what may be set."""
    assert "OpenCost" in read_prices().source
    mine = tmp_path / "prices.toml"
    mine.write_text('currency = "EUR"\ncore_hours = 1\n')
    with pytest.raises(CostError, match=r"core_hours: Extra inputs are not permitted.*It sets currency, core_hour"):
        read_prices(mine)


@pytest.mark.thorough
def test_rounds_of_real_work_are_measured_and_drawn(tmp_path, capsys):
    """Every phase is on the bill, each prediction is counted, and idle is what is left."""
    assert main(["cost", "--root", str(tmp_path), "--rounds", "2", "--seconds", "0.5", "--budget", "1e6"]) == 0
    said = capsys.readouterr().out
    (path,) = tmp_path.glob("usage-*.jsonl")
    found = UsageLog(path).entries()
    assert {each.phase for each in found} == set(PHASES)
    assert {(each.phase, each.predictions) for each in found if each.phase in ("batch", "stream")} == {
        ("batch", 10_000), ("stream", 2_000),
    }  # fmt: skip
    assert all(each.cpu_s > 0 for each in found if each.phase != "store")
    assert all(each.version == 1 for each in found if each.predictions)
    for words in (
        "serve           1",
        "monitor    shared",
        "idle",
        "bill",
        "730 rounds like these",
        "within the budget",
    ):
        assert words in said
    assert (tmp_path / "cost.png").stat().st_size > 10_000


def test_report_on_a_log_of_days(tmp_path, capsys):
    """Full days are projected to a month; more than the budget is an exit code of its own; an empty log says so."""
    log = UsageLog(tmp_path / "usage.jsonl")
    for day in range(5):
        log.add(usage(at=86_400 * day + 60, version=1, wall_s=3_600, cpu_s=3_600, predictions=1_000))
    machine = ["--usage", str(log.path), "--root", str(tmp_path)]
    assert main(["cost", *machine, "--budget", "0.5"]) == OVER
    said = capsys.readouterr().out
    assert "30 days like these would cost 0.9483 USD" in said
    assert "over the budget of 0.5" in said
    assert main(["cost", "--usage", str(tmp_path / "none.jsonl"), "--root", str(tmp_path)]) == 1
    assert "has no usage. Measure some" in capsys.readouterr().err


def test_the_monitor_is_told_what_a_month_costs_of_its_budget(tmp_path):
    """By the same days as the command; nothing of no budget, of less than two full days and of no log at all."""
    log, words = UsageLog(tmp_path / "usage.jsonl"), ["watch", "--usage", str(tmp_path / "usage.jsonl")]
    spent = [_spent(_parser().parse_args([*words, "--budget", "2"]))]
    for day in range(5):
        log.add(usage(at=day * 86_400 + 60.0, cpu_s=3_600.0))
        spent.append(_spent(_parser().parse_args([*words, "--budget", "2"])))
    assert spent[:4] == [None] * 4
    monthly = 30 * usage_costs(usage(cpu_s=3_600.0), read_prices()).total
    assert spent[4:] == [pytest.approx(monthly / 2)] * 2
    assert _spent(_parser().parse_args(words)) is None
    for amount in ("0", "nan"):
        with pytest.raises(SystemExit):
            _parser().parse_args([*words, "--budget", amount])


def test_a_turn_within_a_turn_is_charged_alone(tmp_path):
    """Whoever interrupts pays for it, and the interrupted does not, also when it fails."""

    def fail() -> None:
        with turns("train", version=3) as counted:
            counted.predictions = 2
            while time.process_time() < before + 0.3:
                pass
            raise ZeroDivisionError

    log = UsageLog(tmp_path / "usage.jsonl")
    turns, before = Turns(log), time.process_time()
    with turns("monitor"), pytest.raises(ZeroDivisionError):
        fail()
    taken = time.process_time() - before
    train, monitor = log.entries()
    assert (train.phase, train.version, train.predictions) == ("train", 3, 2)
    assert (monitor.phase, monitor.version) == ("monitor", None)
    assert train.cpu_s > 0.25 > monitor.cpu_s
    assert train.cpu_s + monitor.cpu_s <= taken
    assert 0 < train.memory_gib_s < train.wall_s * psutil.virtual_memory().total / 2**30
