"""What runs in the process of a replica."""

from __future__ import annotations

import functools
import multiprocessing
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import wait
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from lib.serving.fork_server import forking
from lib.serving.lookup import SimulatedLookup
from lib.settings import Settings

_OVERSTAY_S = 10.0


class Serving(BaseModel):
    """What one replica serves: the champion of `model`, or its `version`; `equip` is importable by name."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    settings: Settings
    version: int | None = None
    lookup: SimulatedLookup | None = None
    equip: Callable[[Settings], Any] | None = None


def start_process(serving: Serving, address: socket.socket, said: str) -> ForkServerProcess:
    """A started process that serves on the bound `address` and writes what it says to the file `said`.

    The first one also starts Python's fork server, which takes some seconds and ends with this process. As always with
    multiprocessing, a script that starts one at import must guard it by `if __name__ == "__main__":`.
    """
    process = forking().Process(target=_serve, args=(serving, address, said), daemon=True)
    process.start()
    return process


def _serve(serving: Serving, address: socket.socket, said: str) -> None:
    os.setsid()  # Ctrl-C in a terminal or a notebook is meant for the parent
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _write_to(said)
    threading.Thread(target=_end_with_parent, name="end with the parent", daemon=True).start()
    import uvicorn

    from lib.serving.server import worker_app

    app = functools.partial(
        worker_app, serving.model, settings=serving.settings, version=serving.version, equip=serving.equip,
        lookup=serving.lookup.open() if serving.lookup else None,
    )  # fmt: skip
    config = uvicorn.Config(app, factory=True, log_level="warning", access_log=False, server_header=False)
    uvicorn.Server(config).run(sockets=[address])


def _write_to(said: str) -> None:
    file = os.open(said, os.O_WRONLY | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(file, stream)
    os.close(file)
    Path(said).unlink()  # the parent has it open, too: nothing is left behind


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(_OVERSTAY_S)
        os._exit(1)
