"""Around every request: its id, who may send it, and how long it took."""

from __future__ import annotations

import time
from collections.abc import Callable

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lib.serving.http import Refused, refusal, request_id
from lib.serving.metrics import Metrics

Access = Callable[[Request], None]


class Edge:
    """ASGI middleware; `access` raises starlette's HTTPException for a request that may not pass."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics, access: Access | None) -> None:
        self._app, self._metrics, self._access = app, metrics, access

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
            await send(message)

        try:
            identity = request.state.request_id = request_id(request.headers)
            if self._access is not None:
                self._access(request)
        except (Refused, HTTPException) as error:
            known = error if isinstance(error, Refused) else Refused(error.status_code, error.detail)
            await refusal(known, identity)(scope, receive, sending)
        else:
            await self._app(scope, receive, sending)
        finally:
            # The route's own pattern: what clients make up must not become a label.
            path = getattr(scope.get("route"), "path", "other")
            self._metrics.requests.labels(path, status).inc()
            self._metrics.seconds.labels(path).observe(time.perf_counter() - started)
