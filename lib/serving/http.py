"""What all endpoints share: reading a body within its limit, the request's id, and refusals as JSON."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import orjson
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from typing_extensions import TypedDict

from lib.errors import BadRows, Fault, LogUnwritable, NoModel, Overloaded, ServingError
from lib.serving.bundle import Answer, Bundle
from lib.serving.schema import FAULTS_SHOWN

RETRY_AFTER_S = 1
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}", re.ASCII)
# Of this process, then counted: asking the system for randomness at each request costs 50 µs under load.
_HERE = uuid4().hex[:20]
_numbers = itertools.count()
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}", re.ASCII)


@dataclass(frozen=True)
class Content:
    """The body of a request with its headers."""

    body: bytes
    headers: Headers


@dataclass(frozen=True)
class Asked:
    """What a protocol read from a request: rows still unchecked, and how its answer is written."""

    rows: Sequence[Any]
    render: Callable[[Bundle, list[Answer], str], Response]


class Refused(ServingError):
    """A request that is answered with `status` (4xx or 503) and the reason, for each field where it is about fields."""

    def __init__(self, status: int, reason: str, faults: Sequence[Fault] = ()) -> None:
        super().__init__(reason)
        self.status, self.faults = status, tuple(faults)


class FaultBody(TypedDict):
    """One entry of `details`."""

    row: int | None
    field: str | None
    reason: str


class Problem(TypedDict):
    """The body of every refusal; `error_code` and `message` say the same to clients of MLflow."""

    error: str
    details: list[FaultBody]
    request_id: str
    error_code: str
    message: str


def answer(content: Any, *, headers: Mapping[str, str] | None = None, status: int = 200) -> Response:
    """JSON."""
    return Response(orjson.dumps(content), status, headers, "application/json")


def refusal(error: Exception, request_id: str) -> Response:
    """The answer to a request that cannot be served, in words and field by field."""
    status, faults = _status(error)
    headers = {"X-Request-ID": request_id, **(getattr(error, "headers", None) or {})}
    if status == 503:
        headers["Retry-After"] = str(RETRY_AFTER_S)
    reason = str(error.detail) if isinstance(error, HTTPException) else str(error)
    problem: Problem = {
        "error": reason,
        "details": [{"row": fault.row, "field": fault.field, "reason": fault.reason} for fault in faults],
        "request_id": request_id,
        "error_code": "BAD_REQUEST" if status < 500 else "TEMPORARILY_UNAVAILABLE",
        "message": reason,
    }
    return answer(problem, headers=headers, status=status)


def _status(error: Exception) -> tuple[int, Sequence[Fault]]:
    if isinstance(error, Refused):
        return error.status, error.faults
    if isinstance(error, HTTPException):
        return error.status_code, ()
    if isinstance(error, BadRows):
        return 422, error.faults
    if isinstance(error, (NoModel, Overloaded, LogUnwritable)):
        return 503, ()
    raise error


def request_id(headers: Headers) -> str:
    """The client's X-Request-ID, or a new one; raises Refused for one that could not stand in a log."""
    given = headers.get("x-request-id")
    if given is None:
        return f"{_HERE}-{next(_numbers):x}"
    if not _REQUEST_ID.fullmatch(given):
        raise Refused(400, "X-Request-ID may have 1 to 128 of A-Z a-z 0-9 . _ : and -; leave it out to be given one")
    return given


def traceparent(headers: Headers) -> str | None:
    """The W3C trace context of the request, None when it has none that is well-formed."""
    given = headers.get("traceparent")
    return given if given is not None and _TRACEPARENT.fullmatch(given) else None


async def read_body(request: Request, limit: int) -> bytes:
    """The body of at most `limit` bytes; raises Refused (413) as soon as there is more."""
    if (whole_number(request.headers.get("content-length", "")) or 0) > limit:
        raise _too_long(limit)
    if "content-encoding" in request.headers:
        raise Refused(415, f"the body is encoded as {request.headers['content-encoding']!r}; send it as it is")
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > limit:
                raise _too_long(limit)
    except ClientDisconnect as error:
        raise Refused(400, "the connection ended before the body did") from error
    return bytes(body)


def media_type(headers: Headers, allowed: Sequence[str]) -> str:
    """The content type without its parameters; raises Refused (415) for another than `allowed`, or a charset."""
    given = headers.get("content-type", "")
    kind, _, parameters = given.lower().partition(";")
    if kind.strip() not in allowed:
        raise Refused(415, f"the content type is {given!r}; send {' or '.join(allowed)}")
    charset = parameters.strip().removeprefix("charset=").strip('"')
    if charset not in ("", "utf-8", "utf8"):
        raise Refused(415, f"the content type is {given!r}; send UTF-8, without other parameters")
    return kind.strip()


def parse_json(body: bytes) -> Any:
    """Raises Refused (400) for what is no JSON; NaN and Infinity are not."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Refused(400, f"the body is no JSON: {error}") from None


def whole_number(text: str) -> int | None:
    """A number in a header, None for anything else."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 20 else None


def _too_long(limit: int) -> Refused:
    return Refused(413, f"the body has more than {limit:,} bytes. Send the rows in several requests.")


def by_name(names: Sequence[Any], rows: Sequence[Any], *, what: str) -> list[dict[str, Any]]:
    """Positional rows as objects, matched by the names given with them; raises Refused naming the row at fault."""
    if not all(isinstance(name, str) for name in names):
        raise Refused(422, f"{what} must be names, not {names!r:.200}")
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        faults = [Fault("is given more than once", field=name) for name in twice[:FAULTS_SHOWN]]
        raise Refused(422, f"{what} has {', '.join(twice[:FAULTS_SHOWN])} more than once", faults)
    for number, row in enumerate(rows):
        if not isinstance(row, (list, tuple)) or len(row) != len(names):
            held = f"{len(row)} values" if isinstance(row, (list, tuple)) else f"{row!r:.80}, which is no list"
            reason = f"has {held} for {len(names)} names"
            raise Refused(422, f"row {number} {reason}", [Fault(reason, row=number)])
    return [dict(zip(names, row, strict=True)) for row in rows]
