"""The cluster: a process that keeps staging and production at what it was told, whoever told it and is gone since.

It is what Kubernetes is for many machines: it starts, watches and replaces replicas and moves requests between them. It
decides nothing about versions; that is what a reconciler does, over its control address, a Unix socket.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import shutil
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, HTTPException
from filelock import FileLock, Timeout

from lib.delivery.cluster_client import ADDRESS
from lib.delivery.local_cluster import open_cluster
from lib.delivery.running import Running, RunningEnvironment, Spec, write_whole
from lib.delivery.wanted import ENVIRONMENTS, Environment
from lib.errors import DeliveryError, ProxyError
from lib.serving.fork_server import warm_up
from lib.serving.proxy import Kind
from lib.serving.replica import Replica
from lib.settings import Settings

if TYPE_CHECKING:
    from lib.serving.server import Equip

_TICK_S = 0.03
_PORT_FREE_S = 15.0
_ANSWER_S = 20.0


def run_cluster(
    folder: Path,
    *,
    settings: Settings,
    ports: Mapping[Environment, int] | None = None,
    kind: Kind | None = None,
    equip: Equip | None = None,
    say: Callable[[str], None] = lambda _text: None,
    stop: threading.Event | None = None,
) -> None:
    """Serve `settings.served_model` in both environments until SIGTERM, Ctrl-C or `stop`; blocks.

    `folder` keeps what it was told and its addresses, so that a cluster that was killed comes back as it was, at the
    same ports; without `ports` free ones are taken the first time. `equip` is each replica's, as `serve` takes it.
    Raises DeliveryError when another one runs there, ProxyError when a port is taken or the proxy has ended.
    """
    folder = folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    stop = stop or _stop_at_signals()
    with contextlib.ExitStack() as stack:
        stack.enter_context(_alone(folder))
        warm_up()  # before anybody is promised an answer
        environments = stack.enter_context(_opened(folder, settings, ports, kind, say, equip=equip))
        asked: queue.SimpleQueue[_Told] = queue.SimpleQueue()
        now: dict[Environment, Running] = {}
        control = stack.enter_context(_control(now, asked))
        _tick(environments, now)
        addresses = {name: each.fleet.proxy.url for name, each in environments.items()}
        known = {"control": str(control), "process": os.getpid(), "environments": addresses}
        write_whole(folder / ADDRESS, json.dumps(known, indent=2) + "\n")
        for name, url in addresses.items():
            say(f"{name} is at {url}: {now[name].spec}")
        while not stop.is_set():
            _obey(environments, asked, now)
            _tick(environments, now)


_Told = tuple[Environment, Spec, "Future[Running]"]


def _obey(
    environments: Mapping[Environment, RunningEnvironment],
    asked: queue.SimpleQueue[_Told],
    now: dict[Environment, Running],
) -> None:
    """Take what was told, one at a time, in this thread: fleets and proxies are for one."""
    with contextlib.suppress(queue.Empty):
        name, spec, done = asked.get(timeout=_TICK_S)
        try:
            environments[name].apply(spec)
            environments[name].advance()
            now[name] = environments[name].look()  # whoever told it sees it at the next look
            done.set_result(now[name])
        except BaseException as error:
            done.set_exception(error)
            raise


def _tick(environments: Mapping[Environment, RunningEnvironment], now: dict[Environment, Running]) -> None:
    for name, environment in environments.items():
        environment.advance()
        now[name] = environment.look()


def control_app(now: Mapping[Environment, Running], asked: queue.SimpleQueue[_Told]) -> FastAPI:
    """GET and PUT of `/environments/<name>`: how it runs, and how it should (a `Spec`)."""
    app = FastAPI(title="Cluster")

    @app.get("/environments/{name}")
    def look(name: Environment) -> Running:
        if name not in now:
            raise HTTPException(503, f"{name} is not up yet")
        return now[name]

    @app.put("/environments/{name}")
    def apply(name: Environment, spec: Spec) -> Running:
        done: Future[Running] = Future()
        asked.put((name, spec, done))
        return done.result(_ANSWER_S)

    return app


@contextlib.contextmanager
def _control(now: Mapping[Environment, Running], asked: queue.SimpleQueue[_Told]) -> Iterator[Path]:
    """The control address, in a folder that only this user may enter; a socket's name has room for about 100 bytes."""
    import uvicorn

    base = tempfile.gettempdir() if len(tempfile.gettempdir()) < 60 else "/tmp"  # noqa: S108  mkdtemp is private
    folder = Path(tempfile.mkdtemp(prefix="cluster-", dir=base))
    with socket.socket(socket.AF_UNIX) as address:
        address.bind(str(folder / "control.sock"))
        address.listen()
        server = uvicorn.Server(uvicorn.Config(control_app(now, asked), log_level="warning", access_log=False))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [address]}, name="control", daemon=True)
        thread.start()
        try:
            yield folder / "control.sock"
        finally:
            server.should_exit = True
            thread.join()
            shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _opened(
    folder: Path,
    settings: Settings,
    ports: Mapping[Environment, int] | None,
    kind: Kind | None,
    say: Callable[[str], None],
    *,
    equip: Equip | None,
) -> Iterator[dict[Environment, RunningEnvironment]]:
    """Both environments, at the ports they had before; a proxy that was killed a moment ago may hold one still."""

    def start(name: Environment, version: int) -> Replica:
        # What staging is asked is no evidence about production.
        own = settings.model_copy(update={"predictions": settings.prediction_folder / name})
        return Replica(settings.served_model, settings=own, version=version, equip=equip)

    wanted = {**_known_ports(folder), **(ports or {})}
    deadline = time.monotonic() + _PORT_FREE_S
    while True:
        with contextlib.ExitStack() as stack:
            try:
                found = stack.enter_context(open_cluster(start, folder=folder, ports=wanted, kind=kind, say=say))
            except ProxyError:
                if time.monotonic() > deadline or not wanted:
                    raise
                time.sleep(_TICK_S)
                continue
            yield found
            return


def _known_ports(folder: Path) -> dict[Environment, int]:
    with contextlib.suppress(FileNotFoundError, ValueError, KeyError):
        known: dict[str, Any] = json.loads((folder / ADDRESS).read_text())["environments"]
        return {name: int(known[name].rpartition(":")[2]) for name in ENVIRONMENTS}
    return {}


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    try:
        with FileLock(folder / "lock", timeout=0):
            yield
    except Timeout as error:
        raise DeliveryError(f"another cluster runs in {folder}. Use it, stop it, or name another folder.") from error


def _stop_at_signals() -> threading.Event:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop
