"""The desk over HTTP: an extension of `create_app`, for a server that has a door."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import Response

from lib.errors import AccessError, BadCredential, Fault, LibError, RegistryError, StoreUnavailable, UnknownVersion
from lib.governance.authority import TOKEN_MINUTES, Authority, Caller
from lib.governance.desk import Desk, Target
from lib.governance.trail import Trail
from lib.serving.http import Refused, answer, media_type, parse_json, read_body

if TYPE_CHECKING:
    from fastapi import FastAPI

    from lib.serving.app import Extension

BODY_BYTES = 2**16
LINES = 1_000


class Asked(BaseModel):
    """The body of a request; a misspelt field is refused."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Wish(Asked):
    """Why something is to be done."""

    reason: str = ""


class Registration(Asked):
    run_id: str


class Return(Wish):
    """`to` is a former champion; without it, the one before."""

    to: int | None = None


class Scopes(Asked):
    scopes: list[str]
    minutes: float = Field(default=TOKEN_MINUTES, strict=False)


def desk_routes(desk: Desk, *, authority: Authority, trail: Trail) -> Extension:
    """Registering, approving and moving versions, making tokens, and reading the trail, each for whom the door lets in.

    The caller is the one whom the door recognised; who acts is never read from a body.
    """
    acts = _Acts(desk, authority, trail)

    def extend(app: FastAPI) -> contextlib.AbstractAsyncContextManager[None]:
        def add(path: str, act: _Act, body: type[Asked] | None = None) -> None:
            app.add_route(path, _endpoint(act, body), ["POST" if body else "GET"], include_in_schema=False)

        version = "/models/{name}/versions/{number:int}"
        add("/whoami", acts.who)
        add("/trail", acts.lines)
        add("/tokens", acts.token, Scopes)
        add("/models/{name}/versions", acts.register, Registration)
        add(f"{version}/approval", acts.approve, Wish)
        add(f"{version}/staging", acts.mover("Staging"), Wish)
        add(f"{version}/production", acts.mover("Production"), Wish)
        add(f"{version}/archive", acts.mover("Archived"), Wish)
        add("/models/{name}/rollback", acts.back, Return)
        return _nothing()

    return extend


_Path = dict[str, Any]
_Act = Callable[[Caller, _Path, Any], Any]


class _Acts:
    """What each address does, given the caller, the parts of the address and the body; returned is the answer."""

    def __init__(self, desk: Desk, authority: Authority, trail: Trail) -> None:
        self._desk, self._authority, self._trail = desk, authority, trail

    def who(self, caller: Caller, _path: _Path, _asked: None) -> Any:
        scopes = None if caller.scopes is None else sorted(caller.scopes)
        return {"person": caller.person, "roles": sorted(caller.roles), "scopes": scopes}

    def lines(self, _caller: Caller, _path: _Path, _asked: None) -> Any:
        """The newest, when all are as they were written."""
        verdict = self._trail.verify()
        newest = [_plain(line) for line in self._trail.lines()[-LINES:]] if verdict.ok else []
        return {"lines": newest, "whole": verdict.ok, "problems": verdict.problems}

    def token(self, caller: Caller, _path: _Path, asked: Scopes) -> Any:
        made = self._authority.token(caller, asked.scopes, minutes=asked.minutes)
        self._trail.add("token made", by=caller.person, key=caller.key_id, scopes=sorted(asked.scopes))
        return {"token": made, "minutes": asked.minutes}

    def register(self, caller: Caller, path: _Path, asked: Registration) -> Any:
        return _plain(self._desk.register(caller, asked.run_id, path["name"]))

    def approve(self, caller: Caller, path: _Path, asked: Wish) -> Any:
        return _plain(self._desk.approve(caller, path["name"], path["number"], reason=asked.reason))

    def back(self, caller: Caller, path: _Path, asked: Return) -> Any:
        return _plain(self._desk.rollback(caller, path["name"], reason=asked.reason, to=asked.to))

    def mover(self, to: Target) -> _Act:
        """What moves a version to one stage."""

        def move(caller: Caller, path: _Path, asked: Wish) -> Any:
            return _plain(self._desk.promote(caller, path["name"], path["number"], to=to, reason=asked.reason))

        return move


def _endpoint(act: _Act, body: type[Asked] | None) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        asked = None if body is None else await _read(request, body)
        try:
            # In a thread: a move reads models, and predictions go on meanwhile.
            return answer(await asyncio.to_thread(act, request.state.caller, request.path_params, asked))
        except LibError as error:
            raise Refused(_status(error), str(error)) from error

    return endpoint


async def _read(request: Request, body: type[Asked]) -> Asked:
    media_type(request.headers, ["application/json"])
    try:
        return body.model_validate(parse_json(await read_body(request, BODY_BYTES)))
    except ValidationError as error:
        faults = [Fault(each["msg"], field=".".join(map(str, each["loc"])) or None) for each in error.errors()]
        raise Refused(422, "; ".join(map(str, faults)), faults) from error


def _status(error: LibError) -> int:
    if isinstance(error, BadCredential):
        return 401
    if isinstance(error, AccessError):
        return 403
    if isinstance(error, UnknownVersion):
        return 404
    if isinstance(error, RegistryError) and not isinstance(error, StoreUnavailable):
        return 409
    return 503


def _plain(found: BaseModel) -> Any:
    return found.model_dump(mode="json")


@contextlib.asynccontextmanager
async def _nothing() -> AsyncIterator[None]:
    yield
