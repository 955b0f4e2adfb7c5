"""The control room: one page at `/` with the request form, the boards' curves, alerts and actions, and the runbooks."""

from __future__ import annotations

import asyncio
import contextlib
import html
import logging
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from lib.errors import LibError
from lib.monitoring.audit import ActionLog
from lib.monitoring.figures import Figures
from lib.monitoring.manual import MANUAL_VERSION, Switch
from lib.monitoring.rules import RUNBOOKS
from lib.monitoring.scrape import scrape
from lib.monitoring.watch import Watch
from lib.registry import history
from lib.serving.bundle import Bundle
from lib.serving.service import Service
from lib.settings import Settings

if TYPE_CHECKING:
    from fastapi import FastAPI

    from lib.serving.app import Extension

FILES = Path(__file__).parent / "page"
EVERY_S = 5.0
ENTRIES = 12
_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
# Nothing from elsewhere, nothing written into the page, and no other page around it.
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
_RUNBOOK = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{name}</title>
<link rel="stylesheet" href="/control-room/style.css">
<link rel="icon" href="/control-room/icon.svg">
<main><p><a href="/">Control room</a></p><pre>{text}</pre></main>
</html>
"""
_log = logging.getLogger(__name__)


def control_room(
    settings: Settings,
    *,
    figures: Figures | None = None,
    log: ActionLog | None = None,
    switch: Switch | None = None,
    every_s: float = EVERY_S,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Extension:
    """An extension of `create_app`, which looks every `every_s` seconds and serves the page.

    Give it the same `figures` as `create_app`. It shows the entries of `log` and whether `switch` is on. The model's
    stage is read from the ledger of `settings`, and the figures of the monitor, where one runs beside the server, from
    the `monitor_url` that they name.
    """
    url = settings.monitor_url
    monitor = None if url is None else partial(scrape, url)

    def extend(app: FastAPI) -> contextlib.AbstractAsyncContextManager[None]:
        service: Service = app.state.service
        watch = Watch(service.metrics.read, monitor=monitor, figures=figures)
        room = _Room(service, watch, settings, log=log, switch=switch)
        _add_routes(app, room)

        @contextlib.asynccontextmanager
        async def running() -> AsyncIterator[None]:
            looking = asyncio.create_task(_look(room, every_s, clock))
            try:
                yield
            finally:
                looking.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await looking

        return running()

    return extend


async def _look(room: _Room, every_s: float, clock: Callable[[], datetime]) -> None:
    """For ever; what goes wrong in one look is logged, and the next one comes."""
    while True:
        try:
            await asyncio.to_thread(room.look, clock())
        except Exception:  # noqa: BLE001  it is logged whole
            _log.exception("the control room could not look")
        await asyncio.sleep(every_s)


class _Room:
    """What the page shows, made anew at each look and then only handed out."""

    def __init__(
        self, service: Service, watch: Watch, settings: Settings, *, log: ActionLog | None, switch: Switch | None
    ) -> None:
        self._service, self._watch, self._settings, self._log, self._switch = service, watch, settings, log, switch
        self.state = orjson.dumps(None)

    def look(self, at: datetime) -> None:
        self._watch.look(at)
        self.state = orjson.dumps(
            {
                "at": at.timestamp(), "times": self._watch.times, "boards": self._watch.boards,
                "alerts": self._watch.alerts, "actions": self._actions(), "model": self._model(),
            }
        )  # fmt: skip

    def _actions(self) -> list[dict[str, Any]]:
        if self._log is None:
            return []
        entries = [each for each in self._log.entries() if each.outcome != "begun"]
        return [
            {"number": each.number, "at": each.at.timestamp(), "action": each.action, "outcome": each.outcome,
             "by": each.by, "reason": each.reason, "said": each.said}
            for each in reversed(entries[-ENTRIES:])
        ]  # fmt: skip

    def _model(self) -> dict[str, Any]:
        bundle, refused = self._service.current.bundle, self._service.current.refusal
        manual = self._switch.read() if self._switch is not None else None
        return {
            "name": bundle.name if bundle else None,
            "version": bundle.version if bundle else None,
            "stage": self._stage(bundle) if bundle else "",
            "refused": refused.reason if refused else "",
            "manual": manual.model_dump(mode="json", include={"policy", "since", "by", "reason"}) if manual else None,
            "inputs": _inputs(bundle) if bundle else [],
        }

    def _stage(self, bundle: Bundle) -> str:
        """In words; empty for a model that no ledger knows."""
        if bundle.version == MANUAL_VERSION:
            return "manual mode"
        try:
            entries = history(bundle.name, settings=self._settings)
        except LibError:
            return ""
        mine = [each for each in entries if each.version == bundle.version and each.kind != "refused"]
        return f"{mine[-1].to_stage} since {mine[-1].at:%Y-%m-%d %H:%M} UTC" if mine else ""


def _inputs(bundle: Bundle) -> list[dict[str, Any]]:
    """The inputs with an example each, a ninth above the least value: a usual house is no large, old or far one."""
    return [
        {
            "name": each.name, "type": each.type, "unit": each.unit, "note": each.note, "allowed": each.allowed,
            "low": each.low, "high": each.high, "categories": list(each.categories),
            "example": _short(each.examples(8)[1]),
        }
        for each in bundle.schema.inputs
    ]  # fmt: skip


def _short(value: Any) -> Any:
    return float(f"{value:.3g}") if isinstance(value, float) else value


def _add_routes(app: FastAPI, room: _Room) -> None:
    async def page(_request: Request) -> Response:
        return _file("index.html")

    async def part(request: Request) -> Response:
        return _file(request.path_params["name"])

    async def state(_request: Request) -> Response:
        return Response(room.state, headers={"Cache-Control": "no-store", **_HEADERS}, media_type="application/json")

    async def runbook(request: Request) -> Response:
        path = RUNBOOKS / f"{request.path_params['name']}.md"
        if path not in RUNBOOKS.iterdir():
            raise HTTPException(404, "there is no such runbook")
        page = _RUNBOOK.format(name=path.stem, text=html.escape(path.read_text("utf-8")))
        return Response(page, headers=_HEADERS, media_type="text/html")

    app.add_route("/", page, include_in_schema=False)
    app.add_route("/control-room/state", state, include_in_schema=False)
    app.add_route("/control-room/{name}", part, include_in_schema=False)
    app.add_route("/runbooks/{name}", runbook, include_in_schema=False)


def _file(name: str) -> Response:
    path = FILES / name
    if path not in FILES.iterdir():
        raise HTTPException(404, "there is no such page")
    return Response(path.read_bytes(), headers=_HEADERS, media_type=_TYPES[path.suffix])
