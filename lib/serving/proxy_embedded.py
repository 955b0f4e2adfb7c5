"""A small proxy in a thread of this process, for machines without HAProxy: correct, not fast."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import aiohttp
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

from lib.errors import ProxyError
from lib.serving.proxy import SERVED_BY, Counts, Kind, check_weights

HOST = "127.0.0.1"
BODY_BYTES = 16 * 2**20
_START_S = 10.0
_TIMEOUT = aiohttp.ClientTimeout(total=60, sock_connect=2)
# They are about one connection, and the two sides have one each (RFC 9110, 7.6.1); the lengths are set anew.
_HOP_BY_HOP = frozenset({
    "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer", "transfer-encoding",
    "upgrade", "content-length",
})  # fmt: skip


@contextmanager
def embedded(port: int) -> Iterator[Embedded]:
    """A running proxy on `port`, or a free one; raises ProxyError when the port is taken."""
    with socket.socket() as address:
        address.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            address.bind((HOST, port))
        except OSError as error:
            raise ProxyError(
                f"the proxy does not start at {HOST}:{port}: {error}. Stop what serves there, or choose another port."
            ) from error
        proxy = Embedded(address)
        proxy.start()
        try:
            yield proxy
        finally:
            proxy.close()


@dataclass
class _Backend:
    address: str
    weight: int = 0
    credit: int = 0
    requests: int = 0
    running: int = 0
    failed: int = 0
    refused: int = 0
    answered: int = 0
    took_s: float = 0.0

    def counts(self) -> Counts:
        mean_ms = 1000 * self.took_s / self.answered if self.answered else None
        return Counts(self.requests, self.running, self.failed, self.refused, mean_ms)


class Embedded:
    """See `lib.serving.proxy.Proxy`."""

    kind: Kind = "embedded"

    def __init__(self, address: socket.socket) -> None:
        self.url = f"http://{HOST}:{address.getsockname()[1]}"
        self._socket = address
        self._backends: dict[str, _Backend] = {}
        self._turn = threading.Lock()
        self._started = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._closing = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="proxy", daemon=True)

    def start(self) -> None:
        """Take requests."""
        self._thread.start()
        if not self._started.wait(_START_S):
            raise ProxyError(f"the proxy at {self.url} does not start. Use HAProxy.")

    def close(self) -> None:
        """Finish the running requests and end."""
        self._loop.call_soon_threadsafe(self._closing.set)
        self._thread.join()

    def route(self, weights: Mapping[str, int]) -> None:
        check_weights(weights)
        with self._turn:
            kept = {address: self._backends.get(address) or _Backend(address) for address in weights}
            for address, backend in kept.items():
                backend.weight = weights[address]
                backend.credit = 0
            self._backends = kept

    def counts(self) -> dict[str, Counts]:
        with self._turn:
            return {address: backend.counts() for address, backend in self._backends.items()}

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._loop.close()

    async def _serve(self) -> None:
        # Connections to servers are not kept, as the HAProxy configuration says.
        connector = aiohttp.TCPConnector(force_close=True, limit=0)
        async with aiohttp.ClientSession(connector=connector, timeout=_TIMEOUT, auto_decompress=False) as session:
            app = web.Application(client_max_size=BODY_BYTES)

            async def handle(request: web.Request) -> web.Response:
                return await self._pass(request, session)

            app.router.add_route("*", "/{path:.*}", handle)
            runner = web.AppRunner(app, access_log=None)
            await runner.setup()
            try:
                await web.SockSite(runner, self._socket).start()
                self._started.set()
                await self._closing.wait()
            finally:
                await runner.cleanup()

    async def _pass(self, request: web.Request, session: aiohttp.ClientSession) -> web.Response:
        body = await request.read()
        tried: set[str] = set()
        problem = web.Response(status=503, text="no server takes requests now")
        while (backend := self._take(tried)) is not None:
            tried.add(backend.address)
            status, started = None, time.monotonic()
            try:
                answer = await self._ask(backend, request, body, session)
                status = answer.status
            except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError):
                problem = web.Response(status=503, text=f"{backend.address} takes no connection")
            except TimeoutError:
                return web.Response(status=504, text=f"{backend.address} did not answer in time")
            except aiohttp.ClientError as error:
                problem = web.Response(status=502, text=f"{backend.address} ended without an answer: {error!r}")
                if request.method not in ("GET", "HEAD"):
                    return problem
            else:
                return answer
            finally:
                self._give_back(backend, status, time.monotonic() - started)
        return problem

    async def _ask(
        self, backend: _Backend, request: web.Request, body: bytes, session: aiohttp.ClientSession
    ) -> web.Response:
        url = URL(f"http://{backend.address}{request.raw_path}", encoded=True)
        headers = _end_to_end(request.headers)
        async with session.request(
            request.method, url, data=body or None, headers=headers, allow_redirects=False,
            skip_auto_headers=["Accept", "Accept-Encoding", "Content-Type", "User-Agent"],
        ) as answer:  # fmt: skip
            response = web.Response(status=answer.status, body=await answer.read(), headers=_end_to_end(answer.headers))
            response.headers[SERVED_BY] = backend.address
            return response

    def _take(self, tried: Collection[str]) -> _Backend | None:
        """The next one by smooth weighted round robin (nginx's), which mixes the shares evenly."""
        with self._turn:
            able = [each for each in self._backends.values() if each.weight and each.address not in tried]
            if not able:
                return None
            for each in able:
                each.credit += each.weight
            chosen = max(able, key=lambda each: each.credit)
            chosen.credit -= sum(each.weight for each in able)
            chosen.requests += 1
            chosen.running += 1
            return chosen

    def _give_back(self, backend: _Backend, status: int | None, took_s: float) -> None:
        with self._turn:
            backend.running -= 1
            backend.failed += status is None or status >= 500
            backend.refused += status is not None and 400 <= status < 500
            if status is not None:
                backend.answered += 1
                backend.took_s += took_s


def _end_to_end(headers: Mapping[str, str]) -> CIMultiDict[str]:
    return CIMultiDict((name, value) for name, value in headers.items() if name.lower() not in _HOP_BY_HOP)
