"""Answering over HTTP beside `mlflow models serve` and a FastAPI app as tutorials write it; run alone, prints its rows.

All serve the same model (a scaler and a forest of 100) and are asked for the same house by the same client, which runs
in a process of its own; rounds are interleaved. The no-op is our server (parsing, checks, log) with a constant for a
model. Ours and the no-op have each prediction on the disk before they answer; the others keep no log.

The slowest answers at half load are taken from many short windows, and their median is told: a shared machine stops for
30 to 100 ms once in a second or two (a loop that only counts shows it), and one long window would measure just that.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import os
import pickle
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

ROUNDS = 3
SECONDS = 2.0
HALF_LOAD_SECONDS = 0.5
HALF_LOAD_WINDOWS = 7  # in each round
CLIENTS = (1, 8, 64)
TREES = 100
COLUMNS = ("listed_month", "area_m2", "rooms", "age_years", "distance_km", "condition", "has_garden")
READY_S = 90.0


def main() -> list[dict[str, Any]]:
    """Requests per second (more is better) and latencies in ms (less is better), each with its peer in this run."""
    with tempfile.TemporaryDirectory() as scratch, contextlib.ExitStack() as stack:
        folder = Path(scratch)
        _write_model(folder)
        ports = {name: stack.enter_context(_served(name, folder)) for name in ("ours", "no-op", "plain", "mlflow")}
        _same_answers(ports, folder)
        rates, lone, bare, p99 = _measure(ports, folder)
    rows = [
        _row(f"serving, {clients} client{'s' * (clients > 1)}", rates["ours", clients], rates[peer, clients],
             peer_name=_NAMES[peer], unit="req/s", more=True,
             bar={"mlflow": 20.0, "no-op": 0.5}.get(peer) if clients == max(CLIENTS) else None)
        for clients in CLIENTS for peer in ("mlflow", "plain", "no-op")
    ]  # fmt: skip
    return [
        *rows,
        *(
            _row(f"serving, {name}", times, bare, peer_name="bare predict of one row", unit="ms", more=False, bar=bar)
            for name, times, bar in (("a lone client, p50", lone, 1 / 1.3), ("half of the top load, p99", p99, 1 / 4))
        ),
    ]


_NAMES = {"mlflow": "mlflow models serve", "plain": "plain pydantic → DataFrame FastAPI", "no-op": "no-op (a constant)"}


def _measure(ports: dict[str, int], folder: Path) -> tuple[Any, ...]:
    """Requests per second by server and clients, and in ms: a lone client's p50, bare `predict`, p99 at half load."""
    rates: dict[tuple[str, int], list[float]] = {(name, clients): [] for name in ports for clients in CLIENTS}
    lone, bare, p99 = [], [], []
    for _ in range(ROUNDS):
        for clients in CLIENTS:
            for name, port in ports.items():
                found = _load(name, port, folder, clients=clients)
                rates[name, clients].append(found["rate"])
                if (name, clients) == ("ours", 1):
                    lone.append(found["p50"])
        bare.append(float(_child("bare", folder)))
        half = rates["ours", max(CLIENTS)][-1] / 2
        windows = [
            _load("ours", ports["ours"], folder, clients=max(CLIENTS), rate=half, seconds=HALF_LOAD_SECONDS)["p99"]
            for _ in range(HALF_LOAD_WINDOWS)
        ]
        p99.append(statistics.median(windows))
    return rates, lone, bare, p99


def _row(
    name: str, ours: Sequence[float], peer: Sequence[float], *, peer_name: str, unit: str, more: bool, bar: float | None
) -> dict[str, Any]:
    ratios = [mine / other if more else other / mine for mine, other in zip(ours, peer, strict=True)]
    return {
        "name": name,
        "ours": round(statistics.median(ours), 3),
        "peer": round(statistics.median(peer), 3),
        "peer_name": peer_name,
        "unit": unit,
        "ratio": round(statistics.median(ratios), 2),
        "low": round(min(ratios), 2),
        "high": round(max(ratios), 2),
        "n": len(ratios),
        "bar": bar,
    }


def _write_model(folder: Path) -> None:
    import mlflow.sklearn
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from lib.market import simulate
    from lib.tracking.model_artifact import signature

    table = simulate("moving", rows=2_000).houses.dropna(subset=["price_eur"])
    inputs = table[list(COLUMNS)]
    model = make_pipeline(StandardScaler(), RandomForestRegressor(TREES, random_state=0))
    model.fit(inputs, table["price_eur"])
    described = signature(model, inputs.head())
    (folder / "model.pkl").write_bytes(pickle.dumps((model, described)))
    mlflow.sklearn.save_model(
        model, str(folder / "mlflow"), signature=described, serialization_format="cloudpickle",
        pip_requirements=["scikit-learn"],
    )  # fmt: skip
    house = json.loads(inputs.head(1).to_json(orient="records"))[0]
    (folder / "house.json").write_text(json.dumps(house))
    (folder / "mlflow.json").write_text(json.dumps({"dataframe_records": [house]}))


def _same_answers(ports: dict[str, int], folder: Path) -> None:
    """Ours is the model's answer bit for bit; the peers answer the same question."""
    found = {name: json.loads(_ask(port, *_question(name, folder))) for name, port in ports.items()}
    expected = float(_child("answer", folder))
    answers = {name: body["predictions"][0] for name, body in found.items()}
    assert answers["ours"] == answers["mlflow"] == answers["plain"] == expected, (answers, expected)


def _question(name: str, folder: Path) -> tuple[str, bytes]:
    if name == "mlflow":
        return "/invocations", (folder / "mlflow.json").read_bytes()
    return "/predict", (folder / "house.json").read_bytes()


def _ask(port: int, path: str, body: bytes) -> bytes:
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=READY_S) as answer:
        return bytes(answer.read())


@contextlib.contextmanager
def _served(name: str, folder: Path) -> Iterator[int]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "tests.bench.bench_serving", "serve", name, str(folder), str(port)]
    if name == "mlflow":
        command = [sys.executable, "-m", "mlflow", "models", "serve", "-m", str(folder / "mlflow"),
                   "--env-manager", "local", "--port", str(port)]  # fmt: skip
    # mlflow starts uvicorn by name.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    with (folder / f"{name}.said").open("w") as said, subprocess.Popen(
        command, stdout=said, stderr=said, env={**os.environ, "PATH": path}, start_new_session=True
    ) as server:  # fmt: skip
        try:
            _wait_until_up(port, server, folder / f"{name}.said")
            yield port
        finally:
            os.killpg(server.pid, 9)


def _wait_until_up(port: int, server: subprocess.Popen[bytes], said: Path) -> None:
    end = time.monotonic() + READY_S
    while True:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/ping", timeout=5).close()
        except OSError:
            assert server.poll() is None, said.read_text()
            assert time.monotonic() < end, said.read_text()
            time.sleep(0.1)
        else:
            return


def _load(
    name: str, port: int, folder: Path, *, clients: int, rate: float = 0.0, seconds: float = SECONDS
) -> dict[str, float]:
    path, body = _question(name, folder)
    arguments = ["load", str(port), path, str(clients), str(seconds), str(rate)]
    found: dict[str, float] = json.loads(_child(*arguments, text=body))
    return found


def _child(*arguments: str | Path, text: bytes = b"") -> bytes:
    command = [sys.executable, "-m", "tests.bench.bench_serving", *map(str, arguments)]
    return subprocess.run(command, input=text, stdout=subprocess.PIPE, check=True).stdout


class Client(asyncio.Protocol):
    """One kept connection that asks the same question again and again: at once, or when it is told to."""

    def __init__(self, run: Run) -> None:
        self._run, self._read = run, b""
        self._due = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport
        self._run.idle(self)

    def ask(self, due: float) -> None:
        self._due = due
        self._transport.write(self._run.request)

    def data_received(self, data: bytes) -> None:
        self._read += data
        head, found, body = self._read.partition(b"\r\n\r\n")
        if not found:
            return
        length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        if len(body) < int(length.partition(b":")[2]):
            return
        assert head.startswith(b"HTTP/1.1 200"), self._read
        self._read = b""
        self._run.seconds.append(time.perf_counter() - self._due)
        self._run.idle(self)


class Run:
    """A load of some seconds. With a rate, requests are due at fixed times, and a late one counts from then."""

    def __init__(self, path: str, body: bytes, *, seconds: float, rate: float) -> None:
        head = f"POST {path} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
        self.request = head.encode() + b"\r\n\r\n" + body
        self.seconds: list[float] = []
        self._rate, self._free, self._lasts_s = rate, deque[Client](), seconds
        self._start = self._end = math.inf
        self._sent = 0

    def begin(self) -> None:
        """Ask from now on: all are connected, and nothing is due before that."""
        self._start = time.perf_counter()
        self._end = self._start + self._lasts_s
        waiting, self._free = self._free, deque()
        for client in waiting:
            self.idle(client)

    def idle(self, client: Client) -> None:
        now = time.perf_counter()
        if self._rate or now < self._start:
            self._free.append(client)
            self.ask_due()
        elif now < self._end:
            client.ask(now)

    def ask_due(self) -> None:
        """Send what is due by now, as far as a connection is free."""
        while self._free and self._due() <= min(time.perf_counter(), self._end):
            due = self._due()
            self._sent += 1
            self._free.popleft().ask(due)

    def _due(self) -> float:
        """When the next request is due; never, before the beginning."""
        return self._start + self._sent / self._rate if self._rate and self._start < math.inf else math.inf


async def _loaded(port: int, path: str, clients: int, seconds: float, rate: float, body: bytes) -> dict[str, float]:
    run = Run(path, body, seconds=seconds, rate=rate)
    loop = asyncio.get_running_loop()
    for _ in range(clients):
        await loop.create_connection(lambda: Client(run), "127.0.0.1", port)
    run.begin()
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        run.ask_due() if rate else None
        await asyncio.sleep(0.001 if rate else 0.05)
    found = sorted(run.seconds)
    return {
        "rate": len(found) / seconds,
        "p50": found[len(found) // 2] * 1e3,
        "p99": found[int(len(found) * 0.99)] * 1e3,
    }


def _serve(name: str, folder: Path, port: int) -> None:
    import uvicorn

    app = _plain_app(folder) if name == "plain" else _our_app(name, folder)
    uvicorn.run(app, port=port, log_level="warning", access_log=False)


def _our_app(name: str, folder: Path) -> Any:
    import numpy as np

    from lib.registry import LoadedVersion
    from lib.serving import create_app
    from lib.serving.server import keep_what_is_there, take_turns
    from lib.settings import Settings

    take_turns()
    model, described = pickle.loads((folder / "model.pkl").read_bytes())
    version = LoadedVersion(
        name="bench", version=1, stage="Production", run_id="r", digest=name, model=model, signature=described
    )
    app = create_app(version, settings=Settings(root=folder / name))
    if name == "no-op":
        import lib.serving.bundle

        lib.serving.bundle.array_path = lambda _model, _schema: None  # type: ignore[assignment]
        lib.serving.bundle.frame_path = lambda _model, _schema: lambda rows: np.zeros(len(rows))
    keep_what_is_there()
    return app


def _plain_app(folder: Path) -> Any:
    """What tutorials write, with typed inputs."""
    import pandas as pd
    from fastapi import FastAPI
    from pydantic import create_model

    model, _ = pickle.loads((folder / "model.pkl").read_bytes())
    house = json.loads((folder / "house.json").read_text())
    House = create_model("House", **{name: (type(value), ...) for name, value in house.items()})  # noqa: N806
    app = FastAPI()

    @app.get("/ping")
    def ping() -> dict[str, str]:
        return {"status": "ok"}

    def predict(row: Any) -> dict[str, Any]:
        return {"predictions": model.predict(pd.DataFrame([row.model_dump()])).tolist()}

    predict.__annotations__["row"] = House
    app.post("/predict")(predict)
    return app


def _bare(folder: Path, *, repeats: int = 200) -> tuple[float, float]:
    """The answer for the house, and the median of `predict` in ms."""
    import pandas as pd

    model, _ = pickle.loads((folder / "model.pkl").read_bytes())
    row = pd.DataFrame([json.loads((folder / "house.json").read_text())])
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        answer = model.predict(row)
        times.append((time.perf_counter() - started) * 1e3)
    return float(answer[0]), statistics.median(times)


def _command(name: str, *arguments: str) -> None:
    if name == "serve":
        _serve(arguments[0], Path(arguments[1]), int(arguments[2]))
    elif name == "load":
        port, path, clients, seconds, rate = arguments
        found = _loaded(int(port), path, int(clients), float(seconds), float(rate), sys.stdin.buffer.read())
        import uvloop

        print(json.dumps(uvloop.run(found)))
    else:
        answer, bare_ms = _bare(Path(arguments[0]))
        print(repr(answer if name == "answer" else bare_ms))


if __name__ == "__main__":
    if sys.argv[1:]:
        _command(*sys.argv[1:])
    else:
        print(json.dumps(main(), indent=2, ensure_ascii=False))
