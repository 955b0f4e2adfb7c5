"""The OpenAPI document, with the row of the model that answers now."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from lib.serving import inference_v2
from lib.serving.bundle import Bundle

_REASONS = {
    400: "No JSON, no CSV, or an X-Request-ID that cannot be logged",
    404: "Not served here",
    413: "More rows or bytes than one request may hold",
    415: "Another content type",
    422: "A value, a name or a form that the model must not score; `details` names each",
    503: "No model, a full queue, or a log that cannot be written; try again later",
}


def documented(name: str = "", *statuses: int, text: bool = False) -> dict[str, Any]:
    """What a route answers: the component `name` (or plain text), and refusals with `statuses`."""
    good: dict[str, Any] = {"text/plain": {"schema": {"type": "string"}}} if text else _json(name)
    if name == "Inference":
        good |= {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
    responses: dict[int, Any] = {200: {"description": "The answer", "content": good}}
    for status in (*statuses, *(() if 400 in statuses else (400,))):
        kind = name if name == "Ready" and status == 503 else "Problem"
        responses[status] = {"description": _REASONS[status], "content": _json(kind)}
    return {"responses": responses, "response_model": None}


def body(name: str, *, csv: bool = False, binary: bool = False) -> dict[str, Any]:
    """The body that a route takes: the component `name`, and other forms of it."""
    content = _json(name)
    if csv:
        content["text/csv"] = {"schema": {"type": "string"}}
    if binary:
        content["application/octet-stream"] = {"schema": {"type": "string", "format": "binary"}}
    return {"requestBody": {"required": True, "content": content}}


def describe(app: FastAPI, bundle: Bundle | None) -> dict[str, Any]:
    """The whole document; while there is no model, a row is any object."""
    document = get_openapi(title=app.title, version=app.version, routes=app.routes)
    row = {"type": "object"} if bundle is None else bundle.schema.json_schema()
    tensor_names = [] if bundle is None else list(bundle.schema.names)
    document.setdefault("components", {})["schemas"] = {**_answers(), **_questions(row, tensor_names)}
    return document


def _questions(row: dict[str, Any], names: list[str]) -> dict[str, Any]:
    one, rows = _ref("Row"), {"type": "array", "items": _ref("Row"), "minItems": 1}
    example = row.get("examples", [{}])[0]
    split = _object(
        columns={"type": "array", "items": {"type": "string"}}, data={"type": "array", "items": {"type": "array"}}
    )
    tensor = _object(
        name={"type": "string", **({"enum": names} if names else {})},
        datatype={"type": "string", "enum": sorted(inference_v2.DATATYPES.values())},
        shape={"type": "array", "items": {"type": "integer", "minimum": 0}},
        data={"type": "array"},
    )
    forms = [
        _object(dataframe_records=rows),
        _object(instances=rows),
        _object(inputs=rows),
        _object(dataframe_split=split),
    ]
    return {
        "Row": row,
        "Asked": {"anyOf": [one, _object(rows=rows)], "examples": [example, {"rows": [example]}]},
        "Invocation": {"anyOf": forms, "examples": [{"dataframe_records": [example]}]},
        "Tensors": _object(inputs={"type": "array", "items": tensor}),
    }


def _answers() -> dict[str, Any]:
    text, whole, flag = {"type": "string"}, {"type": "integer"}, {"type": "boolean"}
    answers = {"type": "array", "items": {"type": ["number", "string", "boolean"]}}
    fault = _object(row={"type": ["integer", "null"]}, field={"type": ["string", "null"]}, reason=text)
    tensors = {"type": "array", "items": {"type": "object"}}
    return {
        "Problem": _object(
            error=text, details={"type": "array", "items": fault}, request_id=text, error_code=text, message=text
        ),
        "Live": _object(status=text),
        "Ready": _object(
            status=text, model_version={"type": ["integer", "null"]}, model={"type": ["string", "null"]},
            refused={"type": ["object", "null"]},
        ),
        "Predictions": _object(predictions=answers, model_version=whole, request_id=text),
        "Server": _object(name=text, version=text, extensions={"type": "array", "items": text}),
        "Model": _object(
            name=text, versions={"type": "array", "items": text}, platform=text, inputs=tensors, outputs=tensors
        ),
        "ModelReady": _object(name=text, ready=flag),
        "Inference": _object(model_name=text, model_version=text, id=text, outputs=tensors),
    }  # fmt: skip


def _json(name: str) -> dict[str, Any]:
    return {"application/json": {"schema": _ref(name)}}


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def _object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}
