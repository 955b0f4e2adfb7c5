"""MLflow's scoring protocol: /invocations in its JSON and CSV forms. Source: mlflow.pyfunc.scoring_server 3.17.

Unlike MLflow, columns without names are refused rather than taken in the order they come in.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.responses import Response

from lib.errors import Fault
from lib.serving.bundle import Answer, Bundle
from lib.serving.http import Asked, Content, Refused, answer, by_name, media_type, parse_json
from lib.serving.schema import InputSchema

FORMS = ("dataframe_split", "dataframe_records", "instances", "inputs")


def read(content: Content, bundle: Bundle) -> Asked:
    """The rows of any form; raises Refused."""
    kind = media_type(content.headers, ["application/json", "text/csv"])
    if kind == "text/csv":
        return Asked(_csv(content.body, bundle.schema), _render)
    asked = parse_json(content.body)
    if not isinstance(asked, dict):
        raise Refused(422, f"the body is a JSON {type(asked).__name__}; send an object with one of {', '.join(FORMS)}")
    if asked.pop("params", None):
        raise Refused(422, "params: this model takes none", [Fault("this model takes none", field="params")])
    if len(asked) != 1 or next(iter(asked)) not in FORMS:
        given = ", ".join(map(repr, asked)) or "nothing"
        raise Refused(422, f"the body holds {given:.200}; send exactly one of {', '.join(FORMS)}")
    form, data = next(iter(asked.items()))
    return Asked(_rows(form, data), _render)


def _render(bundle: Bundle, answers: list[Answer], request_id: str) -> Response:
    return answer({"predictions": answers, "model_version": bundle.version, "request_id": request_id})


def _rows(form: str, data: Any) -> Sequence[Any]:
    if form == "dataframe_split":
        return _split(data)
    if form == "inputs" and isinstance(data, dict):
        return _columns(data)
    if not isinstance(data, list):
        raise _bad(form, f"is no list of rows but {data!r:.80}")
    if any(isinstance(row, list) for row in data):
        raise _bad(form, "holds lists without names, and values are matched by name; send objects or dataframe_split")
    return data


def _split(data: Any) -> list[dict[str, Any]]:
    if not isinstance(data, dict) or not {"columns", "data"} <= data.keys() <= {"columns", "data", "index"}:
        raise _bad("dataframe_split", 'is to be {"columns": [names], "data": [rows]}; values are matched by name')
    if not isinstance(data["columns"], list) or not isinstance(data["data"], list):
        raise _bad("dataframe_split", "needs lists for both columns and data")
    return by_name(data["columns"], data["data"], what="dataframe_split.columns")


def _columns(data: Mapping[str, Any]) -> list[dict[str, Any]]:
    """`{"area_m2": [80, 95], …}`, or one row with plain values."""
    lists = [values for values in data.values() if isinstance(values, list)]
    if not lists:
        return [dict(data)]
    if len(lists) < len(data) or len({len(values) for values in lists}) > 1:
        raise _bad("inputs", "has columns of different lengths")
    return by_name(list(data), list(zip(*lists, strict=True)), what="inputs")


def _csv(body: bytes, schema: InputSchema) -> list[dict[str, Any]]:
    """Text becomes a number or a truth value only where the input is declared as one."""
    try:
        lines = list(csv.reader(io.StringIO(body.decode("utf-8-sig"), newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise Refused(400, f"the body is no CSV in UTF-8: {error}") from None
    header, *rows = [line for line in lines if line] or [[]]
    types = {each.name: each.type for each in schema.inputs}
    return [
        {name: _typed(text, types.get(name)) for name, text in row.items()}
        for row in by_name(header, rows, what="the CSV header")
    ]


def _typed(text: str, kind: str | None) -> Any:
    if text == "" and kind != "string":
        return None
    if kind == "boolean":
        return {"true": True, "false": False}.get(text.lower(), text)
    # What does not convert is left as text, for the check to refuse by name.
    number = {"integer": int, "long": int, "float": float, "double": float}.get(kind or "")
    if number is None or not text.isascii() or "_" in text or len(text) > 400:
        return text
    try:
        return number(text)
    except ValueError:
        return text


def _bad(form: str, reason: str) -> Refused:
    return Refused(422, f"{form} {reason}", [Fault(reason, field=form)])
