"""What was answered, over HTTP: an extension of `create_app`, for a server that has a door."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response

from lib.serving.http import answer
from lib.serving.log import read_segments

if TYPE_CHECKING:
    from fastapi import FastAPI

    from lib.serving.app import Extension

NEWEST, SEGMENTS = 1_000, 8


def data_routes(predictions: Path) -> Extension:
    """GET /predictions: the newest answers in the folder, with their inputs as the log keeps them, under pseudonyms.

    They are those of the `SEGMENTS` files that were written last, `NEWEST` at most, newest first: a look and no export.
    """

    async def newest(_request: Request) -> Response:
        return answer({"predictions": await asyncio.to_thread(_newest, predictions)})

    def extend(app: FastAPI) -> contextlib.AbstractAsyncContextManager[None]:
        app.add_route("/predictions", newest, ["GET"], include_in_schema=False)
        return _nothing()

    return extend


def _newest(folder: Path) -> list[dict[str, Any]]:
    import duckdb

    written = sorted(folder.glob("*.jsonl"), key=lambda path: path.stat().st_mtime)[-SEGMENTS:]
    if not written:
        return []
    with duckdb.connect() as connection:
        found = read_segments(written, connection=connection).order('"at" DESC, request_id, row').limit(NEWEST)
        lines = found.project('request_id, row, "at"::TEXT, model, version, features, output').fetchall()
    names = ("request_id", "row", "at", "model", "version", "features", "output")
    return [{**dict(zip(names, line, strict=True)), "features": json.loads(line[5])} for line in lines]


@contextlib.asynccontextmanager
async def _nothing() -> AsyncIterator[None]:
    yield
