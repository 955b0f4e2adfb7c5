"""Where Alertmanager tells what fires and what is over: one address of the server, for who knows the token."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from lib.errors import MonitoringError
from lib.monitoring.respond import Responder, received
from lib.serving.http import Refused, answer, media_type, parse_json, read_body

if TYPE_CHECKING:
    from fastapi import FastAPI

    from lib.serving.app import Extension

PATH = "/alerts"
BODY_BYTES = 2**20


def alerts_hook(
    responder: Responder, *, token: str, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> Extension:
    """An extension of `create_app`: POST /alerts takes Alertmanager's messages and answers with what was done.

    Who sends one moves models, so it must show `token` as a bearer token; raises MonitoringError for an empty one.
    """
    if not token:
        raise MonitoringError("the webhook has no token, and whoever reaches it could move models. Give one.")

    async def alerts(request: Request) -> Response:
        given = request.headers.get("authorization", "")
        if not hmac.compare_digest(given.encode(), f"Bearer {token}".encode()):
            raise HTTPException(401, "this address takes alerts from Alertmanager, which knows its token")
        media_type(request.headers, ["application/json"])
        message = parse_json(await read_body(request, BODY_BYTES))
        try:
            notices = received(message)
        except MonitoringError as error:
            raise Refused(422, str(error)) from error
        taken = [await asyncio.to_thread(responder.take, notice, now=clock()) for notice in notices]
        return answer({"entries": [entry.number for entry in taken if entry is not None]})

    @contextlib.asynccontextmanager
    async def nothing() -> AsyncIterator[None]:
        yield

    def extend(app: FastAPI) -> contextlib.AbstractAsyncContextManager[None]:
        app.add_route(PATH, alerts, methods=["POST"], include_in_schema=False)
        return nothing()

    return extend
