"""Figures are asked for as Prometheus asks, of each machine behind a name; who tells nonsense tells nothing."""

from __future__ import annotations

import contextlib
import socket
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from lib.monitoring.refusals import Refusals
from lib.monitoring.scrape import scrape


@contextlib.contextmanager
def telling(text: str, host: str = "127.0.0.1", port: int = 0) -> Iterator[int]:
    """A target that answers so at any path."""

    class Target(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer((host, port), Target) as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.01])
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def counted(answered: int, refused: int) -> str:
    counts = {"200": answered, "422": refused}
    lines = [f'serving_requests_total{{path="/predict",status="{status}"}} {count}' for status, count in counts.items()]
    return "\n".join(["# TYPE serving_requests_total counter", *lines, ""])


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere 127.0.0.2 is nobody")
def test_replicas_behind_one_name_count_together(monkeypatch):
    """Each refused rows of its own: the share is of all of them, whichever is asked first."""
    real = socket.getaddrinfo

    def resolve(host, port, *more):
        found = real("127.0.0.1", port, *more)
        return found + real("127.0.0.2", port, *more) if host == "houses-each" else real(host, port, *more)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    refusals = Refusals()
    for one, other, share in (((0, 0), (0, 0), None), ((90, 10), (60, 40), 0.25), ((90, 60), (110, 40), 0.5)):
        with telling(counted(*one)) as port, telling(counted(*other), "127.0.0.2", port):
            assert refusals.share(scrape(f"http://houses-each:{port}/")) == share


def test_who_does_not_answer_or_tells_something_else_is_an_error():
    """One kind of error for a caller who can only wait."""
    with telling("<html>not figures</html>") as port, pytest.raises(OSError, match="not what Prometheus reads"):
        scrape(f"http://127.0.0.1:{port}")
    with pytest.raises(OSError, match="refused"):
        scrape(f"http://127.0.0.1:{port}")
