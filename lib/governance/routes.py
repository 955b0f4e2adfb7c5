"""Which permission each address of the server asks for; an address that stands nowhere here is open to nobody."""

from __future__ import annotations

import functools
import re

OPEN = "open"
"""What a probe asks for: nothing. Whoever restarts or replaces a server has no key."""

ROUTES = {
    ("GET", "/live"): OPEN,
    ("GET", "/ready"): OPEN,
    ("GET", "/health"): OPEN,
    ("GET", "/ping"): OPEN,
    ("GET", "/v2/health/live"): OPEN,
    ("GET", "/v2/health/ready"): OPEN,
    ("POST", "/predict"): "predictions:ask",
    ("POST", "/invocations"): "predictions:ask",
    ("POST", "/v2/models/{name}/infer"): "predictions:ask",
    ("POST", "/v2/models/{name}/versions/{number}/infer"): "predictions:ask",
    ("GET", "/v2"): "documents:read",
    ("GET", "/v2/models/{name}"): "documents:read",
    ("GET", "/v2/models/{name}/ready"): "documents:read",
    ("GET", "/v2/models/{name}/versions/{number}"): "documents:read",
    ("GET", "/v2/models/{name}/versions/{number}/ready"): "documents:read",
    ("GET", "/version"): "documents:read",
    ("GET", "/docs"): "documents:read",
    ("GET", "/docs/oauth2-redirect"): "documents:read",
    ("GET", "/openapi.json"): "documents:read",
    ("GET", "/runbooks/{name}"): "documents:read",
    ("GET", "/metrics"): "figures:read",
    ("GET", "/"): "figures:read",
    ("GET", "/control-room/state"): "figures:read",
    ("GET", "/control-room/{name}"): "figures:read",
    ("POST", "/alerts"): "alerts:act",
    ("GET", "/predictions"): "data:read",
    ("GET", "/whoami"): "documents:read",
    ("POST", "/tokens"): "tokens:make",
    ("POST", "/models/{name}/versions"): "models:register",
    ("POST", "/models/{name}/versions/{number:int}/approval"): "models:approve",
    ("POST", "/models/{name}/versions/{number:int}/staging"): "models:stage",
    ("POST", "/models/{name}/versions/{number:int}/production"): "models:release",
    ("POST", "/models/{name}/versions/{number:int}/archive"): "models:archive",
    ("POST", "/models/{name}/rollback"): "models:release",
    ("GET", "/trail"): "trail:read",
}


def permission(method: str, path: str) -> str | None:
    """What a request asks for, None where no rule knows the address; HEAD is judged as GET.

    >>> permission("POST", "/v2/models/houses/infer"), permission("GET", "/ready"), permission("DELETE", "/predict")
    ('predictions:ask', 'open', None)
    """
    method = "GET" if method == "HEAD" else method
    exact = ROUTES.get((method, path))
    if exact is not None:
        return exact
    return next((wanted for verb, form, wanted in _forms() if verb == method and form.fullmatch(path)), None)


@functools.cache
def _forms() -> tuple[tuple[str, re.Pattern[str], str], ...]:
    """The addresses with a part that varies, read as the router reads them."""
    from starlette.routing import compile_path

    return tuple((verb, compile_path(path)[0], wanted) for (verb, path), wanted in ROUTES.items() if "{" in path)
