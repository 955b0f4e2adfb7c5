"""A drill: an app on a real port of this machine, asked by several clients while the world around it changes."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from lib.errors import ServingError

_START_S = 20.0
_MEANWHILE, _PACE_S = 30, 0.01  # requests during a change, and a pause before each: they should last as long as it does
_Change = Callable[[], object]


def drill(
    app: Any,
    requests: Sequence[Sequence[Any]],
    *,
    clients: int = 1,
    changes: Mapping[int, _Change] | None = None,
    timeout_s: float = 10.0,
) -> list[dict[str, Any]]:
    """Serve the ASGI `app` on a free port and ask it; returns what the clients saw, in the order of `requests`.

    A request is (method, path) or (method, path, body); a body that is no text is sent as JSON. Each of `clients` sends
    its next request when its last one was answered. `changes[n]` is called by the client whose turn request n is,
    before it sends; the others go on meanwhile, more slowly, for up to 30 requests, so that some come after it.

    What was seen of a request: `status` (None when the connection broke), `body` (parsed where it is JSON, else
    text), `retry_after` (that header or None), `ms` until the answer was there, `order` among all answers (from 0);
    and of the changes, how many were over when it was sent (`over`) and how many had begun when its answer came
    (`begun`). An exception of a change is raised when all is done. Raises ServingError when the app does not start.
    """
    script = _Script(requests, changes or {})
    with serving(app) as port:
        threads = [threading.Thread(target=_client, args=(script, port, timeout_s)) for _ in range(clients)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    if script.problem is not None:
        raise script.problem
    return [script.seen[number] for number in range(len(requests))]


@contextlib.contextmanager
def serving(app: Any, *, port: int = 0) -> Iterator[int]:
    """`app` on a free port of 127.0.0.1, or on `port`, in a thread of this process; gives the port.

    At the end it is told to stop, and does within half a second; that is not waited for. Raises ServingError when it
    does not start, or the port is taken.
    """
    import uvicorn

    with contextlib.ExitStack() as unused:
        address = unused.enter_context(listen(port))
        # Without a logging configuration of its own: setting that up would let other servers here log for a moment.
        quiet: dict[str, Any] = {"log_config": None, "log_level": "critical", "access_log": False}
        server = uvicorn.Server(uvicorn.Config(app, ws="none", **quiet))
        thread = threading.Thread(target=_run, args=(server, address), daemon=True)
        thread.start()
        try:
            _await_start(server, thread)
            unused.pop_all()  # from here on the server closes it
            yield address.getsockname()[1]
        finally:
            server.should_exit = True


def listen(port: int) -> socket.socket:
    """A socket that listens on `port` of 127.0.0.1, or on a free one for 0; raises ServingError when it is taken."""
    try:
        return socket.create_server(("127.0.0.1", port))
    except (OSError, OverflowError) as error:
        raise ServingError(
            f"127.0.0.1:{port} cannot be served on: {error}. Stop what serves there, or choose another port."
        ) from error


def _run(server: Any, address: socket.socket) -> None:
    with contextlib.suppress(SystemExit):  # how uvicorn says that the app did not start
        server.run(sockets=[address])


def _await_start(server: Any, thread: threading.Thread) -> None:
    deadline = time.monotonic() + _START_S
    while not server.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            raise ServingError("the app did not start: its lifespan failed, or it is no ASGI app.")
        time.sleep(0.002)


class _Script:
    """The requests still to send, and what was seen; shared by the clients."""

    def __init__(self, requests: Sequence[Sequence[Any]], changes: Mapping[int, _Change]) -> None:
        self.seen: dict[int, dict[str, Any]] = {}
        self.problem: BaseException | None = None
        self.begun = self.over = 0
        self._requests, self._changes = requests, changes
        self._next = self._meanwhile = 0
        self._turn = threading.Condition()

    def take(self) -> tuple[int, Sequence[Any]] | None:
        """The next request and its number, once the change that is due before it is over; None when there is none."""
        with self._turn:
            self._turn.wait_for(self._may_go)
            number, changing = self._next, self.begun > self.over
            if number >= len(self._requests):
                return None
            self._next += 1
            self._meanwhile += changing
            change = self._changes.get(number)
            self.begun += change is not None
        if change is not None:
            self._make(change)
        elif changing:
            time.sleep(_PACE_S)
        return number, self._requests[number]

    def note(self, number: int, found: dict[str, Any]) -> None:
        """Keep what was seen of request `number`."""
        with self._turn:
            self.seen[number] = {**found, "begun": self.begun, "order": len(self.seen)}

    def _may_go(self) -> bool:
        """One change at a time, and not too many requests beside it."""
        return self.begun == self.over or (self._meanwhile < _MEANWHILE and self._next not in self._changes)

    def _make(self, change: _Change) -> None:
        try:
            change()
        except BaseException as error:  # noqa: BLE001 - raised again by `drill`, in the caller's thread
            self.problem = self.problem or error
        with self._turn:
            self.over += 1
            self._meanwhile = 0
            self._turn.notify_all()


def _client(script: _Script, port: int, timeout_s: float) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout_s)
    with contextlib.closing(connection):
        while (turn := script.take()) is not None:
            number, request = turn
            over = script.over
            started = time.perf_counter()
            try:
                found = _ask_again(connection, *request)
            except (OSError, http.client.HTTPException) as error:
                connection.close()  # the next request opens it anew
                found = {"status": None, "body": f"{type(error).__name__}: {error}", "retry_after": None}
            took = round((time.perf_counter() - started) * 1_000, 3)
            script.note(number, {**found, "ms": took, "over": over})


def _ask_again(connection: http.client.HTTPConnection, method: str, path: str, body: Any = None) -> dict[str, Any]:
    """Ask; once more on a new connection when the server had closed the old one between two requests, as it may."""
    reused = connection.sock is not None
    try:
        return _ask(connection, method, path, body)
    except (http.client.RemoteDisconnected, ConnectionError):
        if not reused:
            raise
        connection.close()
        return _ask(connection, method, path, body)


def _ask(connection: http.client.HTTPConnection, method: str, path: str, body: Any = None) -> dict[str, Any]:
    text = body if body is None or isinstance(body, str) else json.dumps(body)
    headers = {} if text is None else {"Content-Type": "application/json"}
    connection.request(method, path, None if text is None else text.encode(), headers)
    answer = connection.getresponse()
    raw = answer.read().decode(errors="replace")
    try:
        content = json.loads(raw)
    except ValueError:
        content = raw
    return {"status": answer.status, "body": content, "retry_after": answer.getheader("Retry-After")}
