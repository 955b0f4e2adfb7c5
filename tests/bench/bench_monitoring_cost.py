"""What being watched costs a server: predictions with the control room, its open page and scrapes, and without.

Both serve the same model from one process each; the one whose turn it is not is stopped as a whole. Everything that
watches comes two to fifteen times as often as it usually does, so that each turn of a few seconds has its share.
The server is what keeps a core busy here, so its requests per second of processor are its throughput; unlike those per
second of the clock, they do not depend on what else runs on the machine, and the bar is set for them.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import psutil

from tests.bench import bench_serving as serving

PAIRS = 15
CLIENTS = 64
EVERY_S = 1.0
BAR = 0.9


def main() -> list[dict[str, Any]]:
    """Two rows; the ratio is the lower 95 % bound of the median pair, so that a bar is a bound on the cost."""
    with tempfile.TemporaryDirectory() as scratch, contextlib.ExitStack() as stack:
        folder = Path(scratch)
        serving._write_model(folder)
        servers = {name: stack.enter_context(_served(name, folder)) for name in ("watched", "alone")}
        found: dict[str, list[tuple[float, float]]] = {name: [] for name in servers}
        for number in range(PAIRS + 1):
            order = list(servers) if number % 2 else list(servers)[::-1]
            for name in order:
                turn = _turn(name, *servers[name], folder)
                if number:  # the first pair warms up
                    found[name].append(turn)
    units = (("per second of processor", "req/CPU s", BAR), ("per second of the clock", "req/s", None))
    return [
        _row(what, [turn[place] for turn in found["watched"]], [turn[place] for turn in found["alone"]], unit, bar)
        for place, (what, unit, bar) in enumerate(units)
    ]


def _row(what: str, watched: Sequence[float], alone: Sequence[float], unit: str, bar: float | None) -> dict[str, Any]:
    ratios = [mine / other for mine, other in zip(watched, alone, strict=True)]
    low, high = _median_bounds(ratios)
    return {
        "name": f"a watched server, {what}",
        "ours": round(statistics.median(watched), 1),
        "peer": round(statistics.median(alone), 1),
        "peer_name": f"not watched (median pair {statistics.median(ratios):.3f})",
        "unit": unit,
        "ratio": round(low, 3),
        "low": round(low, 3),
        "high": round(high, 3),
        "n": len(ratios),
        "bar": bar,
    }


def _median_bounds(values: Sequence[float]) -> tuple[float, float]:
    """The interval of the median at 95 % or more, by order statistics: for 15 values the 4th and the 12th."""
    ordered, count = sorted(values), len(values)
    outside, place = 0.0, -1
    while outside + math.comb(count, place + 1) / 2**count <= 0.025:
        place += 1
        outside += math.comb(count, place) / 2**count
    return ordered[max(place + 1, 0)], ordered[min(count - place - 2, count - 1)]


def _turn(name: str, port: int, server: subprocess.Popen[bytes], folder: Path) -> tuple[float, float]:
    """Requests per second of processor and of the clock of one server while the other stands still."""
    os.killpg(server.pid, signal.SIGCONT)
    try:
        with _watching(port) if name == "watched" else contextlib.nullcontext():
            before_s = _busy_s(server)
            rate = serving._load("ours", port, folder, clients=CLIENTS)["rate"]
            return rate * serving.SECONDS / (_busy_s(server) - before_s), rate
    finally:
        os.killpg(server.pid, signal.SIGSTOP)


def _busy_s(server: subprocess.Popen[bytes]) -> float:
    taken = psutil.Process(server.pid).cpu_times()
    return taken.user + taken.system


@contextlib.contextmanager
def _watching(port: int) -> Iterator[None]:
    """A Prometheus and an open page, as far as the server can tell."""
    done = threading.Event()

    def ask() -> None:
        while not done.wait(EVERY_S):
            for path in ("/metrics", "/control-room/state"):
                with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=serving.READY_S) as answer:
                    assert answer.read()

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        yield
    finally:
        done.set()
        asking.join()


@contextlib.contextmanager
def _served(name: str, folder: Path) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """A server in a process group of its own, ready and then stopped."""
    import socket

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "tests.bench.bench_monitoring_cost", name, str(folder), str(port)]
    with (folder / f"{name}.said").open("w") as said, subprocess.Popen(
        command, stdout=said, stderr=said, start_new_session=True
    ) as server:  # fmt: skip
        try:
            serving._wait_until_up(port, server, folder / f"{name}.said")
            os.killpg(server.pid, signal.SIGSTOP)
            yield port, server
        finally:
            os.killpg(server.pid, signal.SIGKILL)


def _serve(name: str, folder: Path, port: int) -> None:
    import pickle

    import uvicorn

    from lib.monitoring.control_room import control_room
    from lib.monitoring.figures import Figures
    from lib.registry import LoadedVersion
    from lib.serving import create_app
    from lib.serving.server import take_turns
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
    uvicorn.run(create_app(version, settings=settings, **more), port=port, log_level="warning", access_log=False)


if __name__ == "__main__":
    if sys.argv[1:]:
        _serve(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
    else:
        print(json.dumps(main(), indent=2, ensure_ascii=False))
