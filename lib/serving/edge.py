"""Around every request: its id, who may send it, and how long it took."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lib.errors import ServingError
from lib.serving.http import Refused, refusal, request_id
from lib.serving.service import Service

Access = Callable[[Request], None]
Endpoint = Callable[[Request], Awaitable[Response]]


class Edge:
    """ASGI middleware; `access` raises starlette's HTTPException for a request that may not pass.

    A POST to one of `direct` is answered by that endpoint at once: the router and the dependencies of a FastAPI route,
    which this leaves out, cost more than a prediction.
    """

    def __init__(
        self, app: ASGIApp, *, service: Service, access: Access | None, direct: Mapping[str, Endpoint]
    ) -> None:
        self._app, self._service, self._access, self._direct = app, service, access, direct
        self._metrics = service.metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it here."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status = time.perf_counter(), "500"
        request = Request(scope)
        identity = "none"

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = str(message["status"])
                headers = message["headers"] = list(message.get("headers", ()))
                if not any(name == b"x-request-id" for name, _ in headers):
                    headers.append((b"x-request-id", identity.encode()))
                if self._service.draining:
                    headers.append((b"connection", b"close"))
            await send(message)

        try:
            identity = request.state.request_id = request_id(request.headers)
            if self._access is not None:
                self._access(request)
        except (Refused, HTTPException) as error:
            await refusal(error, identity)(scope, receive, sending)
        else:
            await self._pass(scope, receive, sending)
        finally:
            # The route's own pattern: what clients make up must not become a label.
            path = scope["path"] if scope["path"] in self._direct else getattr(scope.get("route"), "path", "other")
            self._metrics.requests.labels(path, status).inc()
            self._metrics.seconds.labels(path).observe(time.perf_counter() - started)

    async def _pass(self, scope: Scope, receive: Receive, send: Send) -> None:
        endpoint = self._direct.get(scope["path"]) if scope["method"] == "POST" else None
        if endpoint is None:
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        try:
            response = await endpoint(request)
        except (ServingError, HTTPException) as error:
            response = refusal(error, request.state.request_id)
        await response(scope, receive, send)
