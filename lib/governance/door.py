"""The server's door: who a request comes from, whether they may, and whether it is too much; `create_app(access=…)`."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

from starlette.exceptions import HTTPException

from lib.errors import BadCredential
from lib.governance.authority import Authority, Caller
from lib.governance.rates import Meter
from lib.governance.roles import decisions
from lib.governance.routes import OPEN, permission

if TYPE_CHECKING:
    from starlette.requests import Request

REALM = "model server"
_SAME = ("same-origin", "none")


class Witness(Protocol):
    """Is told of refusals worth keeping; see `lib.governance.trail`."""

    def __call__(self, what: str, *, by: str, **about: Any) -> object:
        """Keep it."""
        ...


def door(authority: Authority, meter: Meter, *, witness: Witness | None = None) -> Callable[[Request], None]:
    """What `create_app` asks before each request; it raises HTTPException with 401, 403 or 429.

    A credential comes in `X-API-Key`, as a bearer token, or as the password of HTTP Basic, so that a browser can ask
    for it; the first of them counts. Whoever passes stands in `request.state.caller`. `witness` is told of refusals of
    known people, of each kind once in a while, so that nobody fills the disk with it.
    """
    decisions()  # now, and not while a request waits

    def tell(what: str, by: str, *, needs: str | None, **about: Any) -> None:
        # Not by the path, of which there are as many as somebody likes to make up.
        if witness is not None and meter.take("told", f"{by} {what} {needs}") is None:
            witness(what, by=by, needs=needs, **about)

    def enter(request: Request) -> None:
        # As the router sees it: the path of `request.url` ends at a "?" that stands for itself.
        method, path = request.method, request.scope["path"]
        wanted = permission(method, path)
        if wanted == OPEN:
            return
        try:
            caller = authority.identify(_credential(request))
        except BadCredential as error:
            if error.key_id is not None:
                tell("refused", f"key {error.key_id}", needs=wanted, reason=str(error))
            _refuse_unknown(request, error, meter)
        wait_s = meter.take("requests", caller.person)
        if wait_s is not None:
            raise _too_much(f"{caller.person} sent more than {meter.rates.requests}", wait_s)
        refusal = caller.refusal(wanted) if wanted else f"no rule opens {method} {path!r:.200} to anybody"
        if refusal:
            tell("denied", caller.person, needs=wanted, asked=f"{method} {path:.200}")
            raise HTTPException(403, refusal)
        request.state.caller = caller

    return enter


def row_budget(meter: Meter) -> Callable[[Request, Any, Sequence[Any]], None]:
    """What `create_app` asks before rows are predicted: each row counts against the person whose request it is."""

    def charge(request: Request, _bundle: Any, rows: Sequence[Any]) -> None:
        caller: Caller = request.state.caller
        wait_s = meter.take("rows", caller.person, cost=len(rows))
        if wait_s is not None:
            raise _too_much(f"{caller.person} asked for more than {meter.rates.rows} rows", wait_s)

    return charge


def _credential(request: Request) -> str:
    """What the request shows; raises BadCredential when it shows nothing that could be one."""
    given = request.headers.get("x-api-key")
    if given is not None:
        return given
    scheme, _, rest = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return rest.strip()
    if scheme.lower() == "basic":
        # A browser adds these by itself, also to what another site's page sends.
        if request.method not in ("GET", "HEAD") and request.headers.get("sec-fetch-site", "none") not in _SAME:
            raise BadCredential("another site's page sent this")
        try:
            return base64.b64decode(rest, validate=True).decode().partition(":")[2]
        except (binascii.Error, UnicodeDecodeError):
            raise BadCredential("the password of HTTP Basic cannot be read") from None
    raise BadCredential("this address needs a key: send it as X-API-Key, or as a bearer token")


def _refuse_unknown(request: Request, error: BadCredential, meter: Meter) -> NoReturn:
    # A good credential passes whatever came from its address before: a key has 256 bits, and is not guessed.
    wait_s = meter.take("failures", request.client.host if request.client else "")
    if wait_s is not None:
        raise _too_much("too many bad credentials came from this address", wait_s) from error
    # A browser understands this one and asks its user; it may read no other that stands in the same line.
    raise HTTPException(401, str(error), {"WWW-Authenticate": f'Basic realm="{REALM}"'}) from error


def _too_much(why: str, wait_s: int) -> HTTPException:
    return HTTPException(429, f"{why}; come again in {wait_s} s", {"Retry-After": str(wait_s)})
