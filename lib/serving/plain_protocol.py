"""The server's own protocol: one row as an object, or many under `rows`."""

from __future__ import annotations

from starlette.responses import Response

from lib.errors import Fault
from lib.serving.bundle import Answer, Bundle
from lib.serving.http import Asked, Content, Refused, answer, media_type, parse_json

ROWS = "rows"


def read(content: Content, _bundle: Bundle) -> Asked:
    """`{"area_m2": 80, …}` or `{"rows": [{"area_m2": 80, …}, …]}`; raises Refused."""
    media_type(content.headers, ["application/json"])
    asked = parse_json(content.body)
    if not isinstance(asked, dict):
        raise Refused(
            422, f'the body is a JSON {type(asked).__name__}; send one row as an object, or {{"rows": [...]}}'
        )
    # Never ambiguous: a model with an input called `rows` is asked by {"rows": [{"rows": …}]}.
    if ROWS not in asked:
        return Asked([asked], _render)
    if len(asked) > 1:
        other = next(name for name in asked if name != ROWS)
        reason = f"stands beside {ROWS!r}; many rows are sent as {{'rows': [...]}} and nothing else"
        raise Refused(422, f"{other}: {reason}", [Fault(reason, field=other)])
    rows = asked[ROWS]
    if not isinstance(rows, list):
        reason = f"is no list of rows but {rows!r:.80}"
        raise Refused(422, f"{ROWS}: {reason}", [Fault(reason, field=ROWS)])
    return Asked(rows, _render)


def _render(bundle: Bundle, answers: list[Answer], request_id: str) -> Response:
    return answer({"predictions": answers, "model_version": bundle.version, "request_id": request_id})
