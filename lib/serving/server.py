"""The server as processes: one address, one or more workers, and an end that answers what it has taken."""

from __future__ import annotations

import contextlib
import functools
import gc
import os
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from lib.errors import ServingError
from lib.serving.log import Policy
from lib.serving.metrics import MULTIPROCESS, forget_dead_workers
from lib.settings import Settings

if TYPE_CHECKING:
    from fastapi import FastAPI

    from lib.serving.app import Equipment
    from lib.serving.limits import Limits
    from lib.serving.service import Lookup, Service

    Equip = Callable[[Settings], Equipment]


def serve(
    model: str,
    *,
    settings: Settings,
    version: int | None = None,
    host: str = "127.0.0.1",
    port: int = 8000,
    workers: int = 1,
    policy: Policy = "durable",
    limits: Limits | None = None,
    drain_s: float = 0.0,
    equip: Equip | None = None,
    enforced: bool = False,
    say: Callable[[str], None] = lambda _text: None,
) -> None:
    """Serve the champion of `model`, or its `version`, until SIGINT or SIGTERM; blocks.

    Port 0 takes a free one and says which. Each of `workers` is a process with a model and a segment of the prediction
    log of its own. SIGTERM turns /ready to 503 at once, and `drain_s` seconds later no connection is taken any more;
    what was taken is answered. `equip` gives each worker what it serves beside predictions; it must be importable by
    name. `enforced` says that it asks everybody for a key. Raises ServingError when the address is taken or is none of
    this machine.
    """
    import uvicorn
    from uvicorn.supervisors import Multiprocess

    app = functools.partial(
        worker_app, model, settings=settings, version=version, policy=policy, limits=limits, drain_s=drain_s,
        equip=equip,
    )  # fmt: skip
    with _listening(host, port) as address, _shared_metrics(workers):
        config = uvicorn.Config(
            app, factory=True, workers=workers, log_level="warning", access_log=False, server_header=False
        )  # fmt: skip
        host, port = address.getsockname()[:2]
        say(f"http://{host}:{port}/docs shows what is served; predictions are kept in {settings.prediction_folder}.")
        say(_who_may(host, enforced=enforced))
        if workers > 1:
            Multiprocess(config, sockets=[address]).run()
        else:
            uvicorn.Server(config).run(sockets=[address])


def run_app(app: FastAPI, *, host: str, port: int) -> None:
    """Run an app in this process until SIGINT or SIGTERM; raises ServingError as `serve` does."""
    import uvicorn

    with _listening(host, port) as address:
        uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False, server_header=False)).run(
            sockets=[address]
        )


def worker_app(
    model: str,
    *,
    settings: Settings,
    version: int | None = None,
    policy: Policy = "durable",
    limits: Limits | None = None,
    lookup: Lookup | None = None,
    drain_s: float = 0.0,
    equip: Equip | None = None,
) -> FastAPI:
    """The app of one worker process, which drains at SIGTERM."""
    from lib.serving.app import Equipment, create_app
    from lib.serving.current import one_version, wanted_version

    forget_dead_workers()
    take_turns()
    equipment = Equipment() if equip is None else equip(settings)
    admit = equipment.admit
    source = (
        wanted_version(model, settings, admit=admit)
        if version is None
        else one_version(model, version, settings, admit=admit)
    )
    app = create_app(
        equipment.guard(source), settings=settings, policy=policy, limits=limits, access=equipment.access,
        screens=equipment.screens, lookup=lookup, figures=equipment.figures, extensions=equipment.extensions,
        conceal=equipment.conceal,
    )  # fmt: skip
    inner = app.router.lifespan_context

    @contextlib.asynccontextmanager
    async def lifespan(within: FastAPI) -> Any:
        async with inner(within) as state:
            keep_what_is_there()
            _drain_at_sigterm(app.state.service, drain_s)
            yield state

    app.router.lifespan_context = lifespan
    return app


def take_turns() -> None:
    """Let the thread that predicts and the one that answers take turns often, for this whole process.

    Python's own 5 ms, which each may keep the other waiting, are long beside a prediction of 0.05 ms: with 0.5 ms the
    slowest answers under load came in about half the time.
    """
    sys.setswitchinterval(0.0005)


def keep_what_is_there() -> None:
    """Let the collector pass over what a started server holds, libraries and model, for this whole process.

    Under full load it looked at half a million objects every few seconds, for 70 to 160 ms, and found next to nothing.
    """
    gc.collect()
    gc.freeze()


def _drain_at_sigterm(service: Service, drain_s: float) -> None:
    """Say 503 at /ready first, and only then let uvicorn, whose handler is in place by now, close the door."""
    close = signal.getsignal(signal.SIGTERM)
    if not callable(close):
        return

    def drain(number: int, frame: FrameType | None) -> None:
        if not service.draining:
            service.draining = True
            # A timer, not the loop: a handler may interrupt the loop anywhere.
            timer = threading.Timer(drain_s, close, (number, frame))
            timer.daemon = True
            timer.start()

    signal.signal(signal.SIGTERM, drain)


@contextlib.contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as address:
        address.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            address.bind((host, port))
            address.listen(2048)
        except (OSError, OverflowError) as error:
            raise ServingError(
                f"{host}:{port} cannot be served on: {error}. Stop what serves there, or choose another (PORT=8001)."
            ) from error
        yield address


@contextlib.contextmanager
def _shared_metrics(workers: int) -> Iterator[None]:
    """With several workers, a folder that their metrics share, gone with the server."""
    if workers == 1:
        yield
        return
    with tempfile.TemporaryDirectory(prefix="serving-metrics-") as folder:
        os.environ[MULTIPROCESS] = str(Path(folder))
        try:
            yield
        finally:
            del os.environ[MULTIPROCESS]


def _who_may(host: str, *, enforced: bool) -> str:
    if enforced:
        return "Whoever asks needs a key: `python -m lib access` gives, rotates and revokes them."
    beyond = "" if _loopback(host) else " That is not this machine alone!"
    return f"It is open to whoever reaches this address.{beyond} With AUTH=1 (--auth) it asks for a key."


def _loopback(host: str) -> bool:
    return host == "::1" or host.startswith("127.")
