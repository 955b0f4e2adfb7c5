"""What being watched costs a server: predictions with the control room, its open page and scrapes, and without.

Two servers of one process each serve the same model to 64 clients of their own, and take turns of a second: server and
clients whose turn it is not are stopped as a whole. Whatever watches comes two to fifteen times as often as usual, so
that each turn has its share.

Watching costs the same each second, however much of a core the server gets. So the row with the bar says what is left
of a whole core: 1 − (processor seconds of the watched turn − those that its requests cost in the other) / its length.
It does not depend on what else runs on the machine; requests per second of the clock, beside it, do.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from tests.bench import bench_serving as serving

PAIRS = 41
TURN_S, SETTLE_S = 1.0, 0.3
CLIENTS = 64
EVERY_S = 1.0
LONG_S = 3_600.0
BAR = 0.9


def main() -> list[dict[str, Any]]:
    """Two rows; the ratio is the lower 95 % bound of the median pair, so that a bar is a bound on the cost."""
    with tempfile.TemporaryDirectory() as scratch, contextlib.ExitStack() as stack:
        folder = Path(scratch)
        serving._write_model(folder)
        sides = {name: stack.enter_context(_busy(name, folder)) for name in ("watched", "alone")}
        found: dict[str, list[_Turn]] = {name: [] for name in sides}
        for number in range(PAIRS + 2):
            for name in list(sides) if number % 2 else list(sides)[::-1]:
                turn = sides[name].turn(watched=name == "watched")
                if number > 1:  # the first pairs warm up
                    found[name].append(turn)
    pairs = list(zip(found["watched"], found["alone"], strict=True))
    left = [1 - (mine.busy_s - mine.rows * other.busy_s / other.rows) / mine.clock_s for mine, other in pairs]
    core = [other.rows / other.busy_s for _, other in pairs]
    clock = [(mine.rows / mine.clock_s, other.rows / other.clock_s) for mine, other in pairs]
    return [
        _row("of a whole core", left, [share * rate for share, rate in zip(left, core, strict=True)], core, bar=BAR),
        _row("of the clock", [mine / other for mine, other in clock], *map(list, zip(*clock, strict=True)), bar=None),
    ]


@dataclass
class _Turn:
    """Rows answered, the processor's seconds that the server took, and the clock's."""

    rows: float
    busy_s: float
    clock_s: float


def _row(
    what: str, ratios: Sequence[float], watched: Sequence[float], alone: Sequence[float], *, bar: float | None
) -> dict[str, Any]:
    low, high = _median_bounds(ratios)
    return {
        "name": f"a watched server, per second {what}",
        "ours": round(statistics.median(watched), 1),
        "peer": round(statistics.median(alone), 1),
        "peer_name": f"not watched (median pair {statistics.median(ratios):.3f})",
        "unit": "req/s",
        "ratio": round(low, 3),
        "low": round(low, 3),
        "high": round(high, 3),
        "n": len(ratios),
        "bar": bar,
    }


def _median_bounds(values: Sequence[float]) -> tuple[float, float]:
    """The interval of the median at 95 % or more, by order statistics: for 41 values the 14th and the 28th."""
    ordered, count = sorted(values), len(values)
    outside, place = 0.0, -1
    while outside + math.comb(count, place + 1) / 2**count <= 0.025:
        place += 1
        outside += math.comb(count, place) / 2**count
    return ordered[max(place + 1, 0)], ordered[min(count - place - 2, count - 1)]


@dataclass
class _Side:
    """A server and its clients, both stopped but for their turns."""

    port: int
    server: subprocess.Popen[bytes]
    clients: subprocess.Popen[bytes]

    def turn(self, *, watched: bool) -> _Turn:
        """Go on for a while."""
        self.send(signal.SIGCONT)
        try:
            time.sleep(SETTLE_S)
            before, end_s = self._state(), time.perf_counter() + TURN_S
            while time.perf_counter() < end_s:
                if watched:
                    _ask(self.port, "/metrics")
                    _ask(self.port, "/control-room/state")
                time.sleep(max(min(EVERY_S, end_s - time.perf_counter()), 0))
            after = self._state()
            return _Turn(*(now - then for now, then in zip(after, before, strict=True)))
        finally:
            self.send(signal.SIGSTOP)

    def send(self, what: signal.Signals) -> None:
        for each in (self.server, self.clients):
            os.killpg(each.pid, what)

    def _state(self) -> tuple[float, float, float]:
        """Rows answered so far, seconds of processor so far, and the time."""
        told = _ask(self.port, "/metrics").decode()
        line = next(line for line in told.splitlines() if line.startswith("serving_predictions_total{"))
        taken = psutil.Process(self.server.pid).cpu_times()
        return float(line.rpartition(" ")[2]), taken.user + taken.system, time.perf_counter()


def _ask(port: int, path: str) -> bytes:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=serving.READY_S) as answer:
        return bytes(answer.read())


@contextlib.contextmanager
def _busy(name: str, folder: Path) -> Iterator[_Side]:
    """A server under load, each in a process group of its own, stopped until its turn."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    module = [sys.executable, "-m", "tests.bench.bench_monitoring_cost"]
    load = [sys.executable, "-m", "tests.bench.bench_serving", "load", str(port), "/predict"]
    with contextlib.ExitStack() as stack:
        said = stack.enter_context((folder / f"{name}.said").open("w"))

        def start(command: list[str], **options: Any) -> subprocess.Popen[bytes]:
            child = subprocess.Popen(command, stdout=said, stderr=said, start_new_session=True, **options)
            stack.callback(child.wait)
            stack.callback(os.killpg, child.pid, signal.SIGKILL)
            return child

        server = start([*module, name, str(folder), str(port)])
        serving._wait_until_up(port, server, folder / f"{name}.said")
        with (folder / "house.json").open("rb") as house:
            side = _Side(port, server, start([*load, str(CLIENTS), str(LONG_S), "0"], stdin=house))
        end_s = time.monotonic() + serving.READY_S
        while b"serving_predictions_total{" not in _ask(port, "/metrics"):
            assert time.monotonic() < end_s, (folder / f"{name}.said").read_text()
            time.sleep(0.05)
        side.send(signal.SIGSTOP)
        yield side


def _serve(name: str, folder: Path, port: int) -> None:
    import pickle

    import uvicorn

    from lib.monitoring.control_room import control_room
    from lib.monitoring.figures import Figures
    from lib.registry import LoadedVersion
    from lib.serving import create_app
    from lib.serving.server import keep_what_is_there, take_turns
    from lib.settings import Settings

    take_turns()
    model, described = pickle.loads((folder / "model.pkl").read_bytes())
    version = LoadedVersion(
        name="bench", version=1, stage="Production", run_id="r", digest=name, model=model, signature=described
    )
    settings, figures = Settings(root=folder / name), Figures()
    more: dict[str, Any] = {}
    if name == "watched":
        figures.show_drift([(f"feature_{number}", "psi", 0.05, 0.1, False) for number in range(20)])
        figures.show_bad_rows(0.0)
        more = {"figures": [figures], "extensions": [control_room(settings, figures=figures, every_s=EVERY_S)]}
    app = create_app(version, settings=settings, **more)
    keep_what_is_there()
    # A connection that stands still with its process is not given up.
    uvicorn.run(app, port=port, log_level="warning", access_log=False, timeout_keep_alive=int(LONG_S))


if __name__ == "__main__":
    if sys.argv[1:]:
        _serve(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
    else:
        print(json.dumps(main(), indent=2, ensure_ascii=False))
