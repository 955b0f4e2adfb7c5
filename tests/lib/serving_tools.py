"""What the tests of serving stand on: small fitted models, and real servers on free ports that are always stopped."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import requests
import uvicorn
from fastapi import FastAPI

from lib.market import FEATURES, simulate
from lib.registry import LoadedVersion
from lib.serving.proxy_haproxy import find_haproxy
from lib.tracking import default_pipeline
from lib.tracking.model_artifact import signature
from tests.require import require

NAME = "house-price-predictor"
WAIT_S = 30.0
TEXT = ("district", "energy_class")
NUMBERS = tuple(name for name in FEATURES if name not in TEXT)


@functools.cache
def houses(rows: int = 600) -> tuple[pd.DataFrame, pd.Series]:
    """Inputs as `track` prepares them, and prices."""
    table = simulate("moving", rows=rows).houses.dropna(subset=["price_eur"])
    inputs = table[list(FEATURES)].astype({"district": "str", "energy_class": "str", "has_garden": bool})
    return inputs.reset_index(drop=True), table["price_eur"].reset_index(drop=True)


def loaded(model: Any, columns: tuple[str, ...] = FEATURES, *, version: int = 1) -> LoadedVersion:
    """`model` fitted on some columns, as the registry would hand it out."""
    inputs, prices = houses()
    fitted = model.fit(inputs[list(columns)], prices)
    return as_version(fitted, inputs[list(columns)], version=version)


def as_version(fitted: Any, inputs: pd.DataFrame, *, version: int) -> LoadedVersion:
    """A fitted model under a version number."""
    return LoadedVersion(
        name=NAME, version=version, stage="Production", run_id=f"run-{version}", digest=f"sha256:{version}",
        model=fitted, signature=signature(fitted, inputs.head(5)),
    )  # fmt: skip


@functools.cache
def forest(version: int = 1, trees: int = 5) -> LoadedVersion:
    """A small forest behind the default pipeline; each version answers differently."""
    from sklearn.ensemble import RandomForestRegressor

    return loaded(default_pipeline(RandomForestRegressor(trees, random_state=version), houses()[0]), version=version)


def rows(count: int = 3, start: int = 0) -> list[dict[str, Any]]:
    """Training rows as a client sends them."""
    return json.loads(houses()[0].iloc[start : start + count].to_json(orient="records"))


@dataclass(frozen=True)
class Served:
    """A running server."""

    url: str
    app: FastAPI

    def get(self, path: str) -> requests.Response:
        return self._ask("GET", path)

    def post(self, path: str, content: Any = None, **options: Any) -> requests.Response:
        """JSON, or `data=` with `headers=` as they are."""
        return self._ask("POST", path, json=content, **options)

    def _ask(self, method: str, path: str, **options: Any) -> requests.Response:
        with requests.Session() as session:
            session.trust_env = False  # a thread that reads the environment fails when pytest changes it meanwhile
            return session.request(method, self.url + path, timeout=WAIT_S, **options)

    def refresh(self) -> Any:
        """Look at the source now, as the poll does; returns the version that answers."""
        import asyncio

        current = self.app.state.service.current
        bundle = asyncio.run_coroutine_threadsafe(current.refresh(), self.app.state.loop).result(WAIT_S)
        return bundle and bundle.version


@contextlib.contextmanager
def serving(app: FastAPI, *, ready: bool = True) -> Iterator[Served]:
    """The app under uvicorn in a thread, on a free port of this machine."""
    import asyncio

    inner = app.router.lifespan_context

    @contextlib.asynccontextmanager
    async def lifespan(within):
        within.state.loop = asyncio.get_running_loop()
        async with inner(within):
            yield

    app.router.lifespan_context = lifespan
    with socket.socket() as address:
        address.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [address]})
        thread.start()
        try:
            wait(lambda: server.started)
            served = Served(f"http://127.0.0.1:{address.getsockname()[1]}", app)
            if ready:
                wait(lambda: served.get("/ready").ok)
            yield served
        finally:
            server.should_exit = True
            thread.join(WAIT_S)


@contextlib.contextmanager
def process(arguments: list[str], folder: Path, **options: Any) -> Iterator[subprocess.Popen[str]]:
    """A Python child with what it says in `folder/said`, killed at the end with all that it started."""
    said = folder / "said"
    with said.open("w") as stream:
        child = subprocess.Popen(
            [sys.executable, *arguments], stdout=stream, stderr=stream, text=True, start_new_session=True,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}, **options,
        )  # fmt: skip
    try:
        yield child
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait(WAIT_S)


def require_haproxy() -> None:
    """Skip without HAProxy, or fail where nothing may be missing."""
    require("haproxy", present=find_haproxy() is not None, way_out="Install it (Debian: apt-get install haproxy).")


def free_port() -> int:
    with socket.socket() as address:
        address.bind(("127.0.0.1", 0))
        return int(address.getsockname()[1])


def answers(url: str, status: int = 200) -> bool:
    """Whether an address answers with `status` now."""
    try:
        return requests.get(url, timeout=WAIT_S).status_code == status
    except (requests.ConnectionError, requests.Timeout):
        return False


def wait(condition: Callable[[], Any], limit_s: float = WAIT_S) -> None:
    """Until `condition` holds; fails after `limit_s`."""
    end, pause = time.monotonic() + limit_s, 0.01
    while not condition():
        assert time.monotonic() < end, f"not within {limit_s} s"
        time.sleep(pause)
        pause = min(1.2 * pause, 0.1)  # to ask takes time from what is waited for
