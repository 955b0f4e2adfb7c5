"""The Open Inference Protocol, version 2, with JSON and binary tensors: one tensor an input, matched by name.

Source: https://github.com/kserve/open-inference-protocol and Triton's extension for binary tensors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import orjson
from starlette.responses import Response

from lib.errors import Fault
from lib.serving.bundle import Answer, Bundle
from lib.serving.http import Asked, Content, Refused, answer, by_name, media_type, parse_json, whole_number

HEADER_LENGTH = "Inference-Header-Content-Length"
OUTPUT = "prediction"
PLATFORM = "scikit-learn"
DATATYPES = {
    "boolean": "BOOL", "integer": "INT32", "long": "INT64", "float": "FP32", "double": "FP64", "string": "BYTES",
}  # fmt: skip
_DTYPES = {"BOOL": "?", "INT32": "<i4", "INT64": "<i8", "FP32": "<f4", "FP64": "<f8"}


def metadata(bundle: Bundle) -> dict[str, Any]:
    """Names, datatypes and shapes of the tensors of a model."""
    return {
        "name": bundle.name,
        "versions": [str(bundle.version)],
        "platform": PLATFORM,
        "inputs": [
            {"name": each.name, "datatype": DATATYPES[each.type], "shape": [-1]} for each in bundle.schema.inputs
        ],
        "outputs": [{"name": OUTPUT, "datatype": bundle.output_type, "shape": [-1]}],
    }


def read(content: Content, bundle: Bundle) -> Asked:
    """An inference request; raises Refused."""
    if "content-type" in content.headers:  # tritonclient sends none
        media_type(content.headers, ["application/json", "application/octet-stream"])
    head, tail = _parts(content)
    asked = parse_json(head)
    if not isinstance(asked, dict) or not isinstance(asked.get("inputs"), list):
        raise Refused(
            422, 'send {"inputs": [{"name", "datatype", "shape", "data"}, …]}', [Fault("is no list", field="inputs")]
        )
    columns = _columns(asked["inputs"], tail, bundle)
    binary = _binary_output(asked)
    rows = by_name(list(columns), list(zip(*columns.values(), strict=True)), what="inputs")
    return Asked(rows, _renderer(binary=binary, request=asked.get("id")))


def _parts(content: Content) -> tuple[bytes, bytes]:
    given = content.headers.get(HEADER_LENGTH)
    if given is None:
        return content.body, b""
    length = whole_number(given)
    if length is None or length > len(content.body):
        raise Refused(400, f"{HEADER_LENGTH} is {given!r:.40}, and the body has {len(content.body)} bytes")
    return content.body[:length], content.body[length:]


def _columns(tensors: Sequence[Any], tail: bytes, bundle: Bundle) -> dict[str, list[Any]]:
    """The values of each tensor, by name; all of the same length and all of `tail` used."""
    types = {each.name: DATATYPES[each.type] for each in bundle.schema.inputs}
    columns: dict[str, list[Any]] = {}
    for tensor in tensors:
        name = tensor.get("name") if isinstance(tensor, dict) else None
        if not isinstance(name, str):
            raise Refused(422, f"a tensor has no name: {tensor!r:.80}", [Fault("a tensor has no name", field="inputs")])
        if name in columns:
            raise _bad(name, "is given more than once")
        if name not in types:
            raise _bad(name, f"is no input of this model; its inputs are {', '.join(types)}")
        if tensor.get("datatype") != types[name]:
            raise _bad(name, f"has the datatype {tensor.get('datatype')!r:.40}, and {types[name]} is declared")
        rows = _length(name, tensor.get("shape"))
        size = _binary_size(name, tensor)
        if size is None:
            columns[name] = _listed(name, tensor.get("data"), rows)
        else:
            columns[name], tail = _decoded(name, types[name], tail[:size], rows, size), tail[size:]
    if tail:
        raise Refused(
            400, f"{len(tail)} bytes are left after the last tensor; mend binary_data_size or {HEADER_LENGTH}"
        )
    if len({len(values) for values in columns.values()}) > 1:
        raise Refused(
            422, "the tensors have different lengths", [Fault("differ in their first dimension", field="inputs")]
        )
    return columns


def _length(name: str, shape: Any) -> int:
    whole = isinstance(shape, list) and all(type(each) is int and each >= 0 for each in shape)
    if not whole or len(shape) not in (1, 2) or (len(shape) == 2 and shape[1] != 1):
        raise _bad(name, f"has the shape {shape!r:.80}; send [rows] or [rows, 1]")
    return int(shape[0])


def _binary_size(name: str, tensor: Mapping[str, Any]) -> int | None:
    parameters = tensor.get("parameters")
    if parameters is None:
        return None
    if not isinstance(parameters, dict):
        raise _bad(name, "has parameters that are no object")
    size = parameters.get("binary_data_size")
    if size is not None and (type(size) is not int or size < 0 or "data" in tensor):
        raise _bad(name, "needs either data or a whole binary_data_size")
    return size


def _listed(name: str, data: Any, rows: int) -> list[Any]:
    if not isinstance(data, list):
        raise _bad(name, "has no data")
    flat = [each[0] if isinstance(each, list) and len(each) == 1 else each for each in data]
    if len(flat) != rows:
        raise _bad(name, f"has {len(flat)} values for a shape of {rows} rows")
    return flat


def _decoded(name: str, datatype: str, raw: bytes, rows: int, size: int) -> list[Any]:
    if len(raw) < size:
        raise _bad(name, f"declares {size} bytes, and {len(raw)} are left of the body")
    try:
        values: list[Any]
        values = list(_texts(raw)) if datatype == "BYTES" else np.frombuffer(raw, _DTYPES[datatype]).tolist()
    except (ValueError, UnicodeDecodeError) as error:
        raise _bad(name, f"has bytes that are no {datatype}: {error}") from None
    if len(values) != rows:
        raise _bad(name, f"has {len(values)} values for a shape of {rows} rows")
    return values


def _texts(raw: bytes) -> Iterator[str]:
    """Each as its length in 4 bytes, little-endian, and then its bytes in UTF-8."""
    start = 0
    while start < len(raw):
        end = start + 4 + int.from_bytes(raw[start : start + 4], "little")
        if max(end, start + 4) > len(raw):
            raise ValueError("a text is cut off")
        yield raw[start + 4 : end].decode()
        start = end


def _binary_output(asked: Mapping[str, Any]) -> bool:
    """Whether the answer is to be binary; raises Refused for another output than the one there is."""
    parameters = asked.get("parameters") or {}
    outputs = asked.get("outputs") or []
    if not isinstance(parameters, dict) or not isinstance(outputs, list):
        raise Refused(
            422, "parameters is an object and outputs a list", [Fault("is of the wrong type", field="outputs")]
        )
    binary = parameters.get("binary_data_output") is True
    for output in outputs:
        if not isinstance(output, dict) or output.get("name") != OUTPUT:
            raise _bad("outputs", f"names {output!r:.80}; the one output is {OUTPUT!r}")
        chosen = output.get("parameters")
        if isinstance(chosen, dict) and "binary_data" in chosen:
            binary = chosen["binary_data"] is True
    return binary


def _renderer(*, binary: bool, request: Any) -> Callable[[Bundle, list[Answer], str], Response]:
    def render(bundle: Bundle, answers: list[Answer], request_id: str) -> Response:
        datatype = bundle.output_type
        output: dict[str, Any] = {"name": OUTPUT, "datatype": datatype, "shape": [len(answers)]}
        head = {
            "model_name": bundle.name,
            "model_version": str(bundle.version),
            "id": request if isinstance(request, str) else request_id,
            "outputs": [output],
        }
        if not binary:
            output["data"] = answers
            return answer(head)
        raw = _encoded(answers, datatype)
        output["parameters"] = {"binary_data_size": len(raw)}
        text = orjson.dumps(head)
        return Response(text + raw, headers={HEADER_LENGTH: str(len(text))}, media_type="application/octet-stream")

    return render


def _encoded(answers: Sequence[Answer], datatype: str) -> bytes:
    if datatype == "BYTES":
        texts = [str(each).encode() for each in answers]
        return b"".join(len(text).to_bytes(4, "little") + text for text in texts)
    return np.asarray(answers, _DTYPES[datatype]).tobytes()


def _bad(name: str, reason: str) -> Refused:
    return Refused(422, f"{name} {reason}", [Fault(reason, field=name)])
