"""Both proxies keep the same contract; what stands behind them are real HTTP servers."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests

from lib.errors import ProxyError
from lib.serving import proxy_haproxy
from lib.serving.proxy import open_proxy
from lib.serving.proxy_haproxy import HAProxy
from lib.serving.traffic import traffic
from tests.lib.serving_tools import WAIT_S, process, require_haproxy, wait


class Backend(ThreadingHTTPServer):
    """Answers with its own address; holds requests back while `gate` is closed, and cuts them off when `cut` is set."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self.server_port}"
        self.gate, self.arrived, self.seen = threading.Event(), threading.Event(), []
        self.cut = False
        self.gate.set()
        self.thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    def stop(self):
        self.gate.set()
        self.shutdown()
        self.thread.join()
        self.server_close()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        self.server.seen.append((self.command, self.path, body))
        self.server.arrived.set()
        self.server.gate.wait(WAIT_S)
        if self.server.cut:
            self.close_connection = True
            return
        said = self.server.address.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(said)))
        self.send_header("X-Path", self.path)
        self.end_headers()
        self.wfile.write(said)

    do_GET = do_POST  # noqa: N815

    def log_message(self, *_):
        pass


@pytest.fixture
def backends():
    """Three servers."""
    with contextlib.ExitStack() as stack:
        servers = [Backend() for _ in range(3)]
        for server in servers:
            stack.callback(server.stop)
        yield servers


@pytest.fixture(params=["haproxy", "embedded"])
def proxy(request):
    """A running proxy of each kind."""
    if request.param == "haproxy":
        require_haproxy()
    with open_proxy(kind=request.param) as running:
        assert running.kind == request.param
        yield running


def post(proxy, **options):
    return requests.post(f"{proxy.url}/predict?x=a%2Fb", data=b"{}", timeout=WAIT_S, **options)


def test_shares_are_kept_and_counted(proxy, backends):
    """A canary with a tenth of the weight gets a tenth of the requests, and the proxy's own counts say so."""
    stable, canary, idle = (each.address for each in backends)
    proxy.route({stable: 90, canary: 10, idle: 0})
    answers = [post(proxy) for _ in range(100)]
    assert Counter(answer.text for answer in answers) == {stable: 90, canary: 10}
    assert all(answer.headers["X-Served-By"] == answer.text for answer in answers)
    assert {name: found.requests for name, found in proxy.counts().items()} == {stable: 90, canary: 10, idle: 0}
    assert backends[0].seen[0] == ("POST", "/predict?x=a%2Fb", b"{}")
    proxy.route({canary: 1})
    assert {post(proxy).text for _ in range(10)} == {canary}
    assert set(proxy.counts()) == {canary}


def test_without_a_backend_the_answer_is_503(proxy, backends):
    """Nothing to send to is said at once."""
    assert post(proxy).status_code == 503
    proxy.route({backends[0].address: 0})
    assert post(proxy).status_code == 503


@pytest.mark.parametrize("drained", [{"weight": 0}, {}])
def test_running_requests_finish_when_a_backend_leaves(proxy, backends, drained):
    """One that is drained, or taken out at once, answers what it has; new requests go elsewhere."""
    old, new = backends[0], backends[1]
    old.gate.clear()
    proxy.route({old.address: 1})
    answers = []
    client = threading.Thread(target=lambda: answers.append(post(proxy).text))
    client.start()
    old.arrived.wait(WAIT_S)
    wait(lambda: proxy.counts()[old.address].running == 1)
    proxy.route({new.address: 1, **({old.address: 0} if drained else {})})
    assert {post(proxy).text for _ in range(5)} == {new.address}
    assert not answers
    if drained:
        assert proxy.counts()[old.address].running == 1
    old.gate.set()
    client.join(WAIT_S)
    assert answers == [old.address]
    if drained:
        wait(lambda: proxy.counts()[old.address].running == 0)
    proxy.route({old.address: 1})
    assert post(proxy).text == old.address


def test_what_a_dead_backend_never_got_goes_to_another(proxy, backends):
    """A refused connection is nobody's failure, also of a POST, as long as one of them lives."""
    dead, alive = backends[0], backends[1]
    dead.stop()
    proxy.route({dead.address: 1, alive.address: 1})
    assert [post(proxy).text for _ in range(8)] == [alive.address] * 8
    proxy.route({dead.address: 1})
    assert post(proxy).status_code == 503


def test_what_was_sent_is_never_sent_twice_unless_it_may_be(proxy, backends):
    """A POST that was cut off is a 502 and no other backend sees it; a GET is asked of another."""
    broken, alive = backends[0], backends[1]
    broken.cut = True
    proxy.route({broken.address: 256, alive.address: 1})
    assert post(proxy).status_code == 502
    assert (len(broken.seen), len(alive.seen)) == (1, 0)
    assert proxy.counts()[broken.address].failed == 1
    wait(lambda: requests.get(f"{proxy.url}/ready", timeout=WAIT_S).text == alive.address)
    assert [seen[0] for seen in alive.seen] == ["GET"]


def test_no_request_fails_while_backends_change_under_load(proxy, backends):
    """A constant load over changing backends: every request is answered."""
    every = [each.address for each in backends]
    proxy.route(dict.fromkeys(every, 1))
    with traffic(f"{proxy.url}/predict", [b"{}"], [number / 200 for number in range(250)]) as sending:
        for number in range(36):
            chosen = every[number % 3 :]
            proxy.route(dict.fromkeys(chosen, 1) | {every[-1]: 1 + number % 256})
            wait(lambda: len(sending.answered) > 6 * number)  # noqa: B023
    assert sending.wrong == []
    assert len(sending.answered) == 250


def test_at_each_step_of_a_change_some_backend_takes_requests(backends, monkeypatch):
    """HAProxy is told one thing at a time: a request between any two of them is answered, too."""
    require_haproxy()
    old, new = (each.address for each in backends[:2])
    answers = []
    with open_proxy(kind="haproxy") as proxy:
        proxy.route({old: 256, new: 0})
        tell = HAProxy._tell

        def tell_and_ask(self, command):
            tell(self, command)
            answers.append((command, post(proxy).status_code))

        monkeypatch.setattr(HAProxy, "_tell", tell_and_ask)
        for weights in ({old: 0, new: 256}, {old: 256}, {new: 256}, {new: 0, old: 256}):
            proxy.route(weights)
    assert len(answers) >= 7
    assert {status for _, status in answers} == {200}, answers


def test_bad_weights_are_refused(proxy, backends):
    """Before anything is changed."""
    proxy.route({backends[0].address: 1})
    for weight in (-1, 257):
        with pytest.raises(ValueError, match=f"weight {weight}"):
            proxy.route({backends[0].address: weight})
    assert post(proxy).text == backends[0].address


@pytest.mark.parametrize("kind", ["haproxy", "embedded"])
def test_a_taken_port_is_said(kind):
    """The error names the address and the way out."""
    if kind == "haproxy":
        require_haproxy()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with (
            pytest.raises(ProxyError, match=f"(?s)127.0.0.1:{port}.*in use.*another port"),
            open_proxy(port, kind=kind),
        ):
            pass


def test_a_missing_haproxy_is_said(monkeypatch):
    """Asked for by name it is not replaced in silence; not asked for, the embedded one is taken."""
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(proxy_haproxy, "_SYSTEM_FOLDERS", "")
    with pytest.raises(ProxyError, match="apt-get install haproxy"), open_proxy(kind="haproxy"):
        pass
    with open_proxy() as proxy:
        assert proxy.kind == "embedded"


def test_an_ended_haproxy_is_said(backends):
    """Killed from outside, the next change names it."""
    require_haproxy()
    with open_proxy(kind="haproxy") as proxy:
        proxy.route({backends[0].address: 1})
        os.kill(proxy.pid, signal.SIGKILL)
        with pytest.raises(ProxyError, match="does not answer its admin socket"):
            wait(lambda: proxy.route({backends[0].address: 2}) or proxy.route({backends[0].address: 1}))


def test_haproxy_ends_with_a_killed_parent(tmp_path):
    """No process and no folder is left of it."""
    require_haproxy()
    code = (
        "import signal\nfrom lib.serving.proxy import open_proxy\nwith open_proxy(kind='haproxy') as proxy:\n"
        "    print(proxy.pid, proxy._folder, flush=True)\n    signal.pause()"
    )
    with process(["-c", code], tmp_path) as parent:
        wait(lambda: (tmp_path / "said").read_text().endswith("\n"))
        pid, folder = (tmp_path / "said").read_text().split()
        parent.kill()
        wait(lambda: not Path("/proc", pid).exists() and not Path(folder).exists())
