"""JSON for values that cross between a learner's kernel and the grader: plain data, frames and arrays; never pickle.

Both sides use this module. What is not data becomes a handle (see `autograder.agent`) through the `handle` argument.
"""

from __future__ import annotations

import base64
import datetime as dt
import json
import math
import sys
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable
from typing import Any

from autograder.errors import WireError

MAX_BYTES = 32_000_000
MAX_DEPTH = 40
_PLAIN = frozenset([type(None), bool, str, int, float])
_PLAIN_DICTS = (dict, OrderedDict, defaultdict, Counter)
MAX_SAME_HASH = 100
MAX_TABLES = 10_000  # with their columns and indexes: pandas takes a hundred times as long for each as for a number
_ARRAY_KINDS = "biufU"
_SCALARS_AND_CONTAINERS = frozenset(
    ["bytes", "date", "datetime", "dict", "frozenset", "handle", "missing", "set", "timedelta", "timestamp", "tuple"]
)

Encoder = Callable[[object], Any]


def dumps(value: object, handle: Encoder | None = None) -> str:
    """Encode `value` as JSON text; objects that are not data go through `handle`, or raise WireError."""
    text = json.dumps(encode(value, handle), separators=(",", ":"))
    if len(text) > MAX_BYTES:
        raise WireError(f"the value is {len(text):,} bytes as JSON; at most {MAX_BYTES:,} can travel")
    return text


def loads(text: str, handle: Callable[[Any], object] | None = None) -> Any:
    """Decode what `dumps` wrote; a malformed text raises WireError."""
    try:
        return decode(parse(text), handle)
    except WireError:
        raise
    except Exception as error:
        raise WireError(f"the value is malformed: {error}") from error


def parse(text: str) -> Any:
    """JSON as `decode` takes it; WireError when it is too long or too slow to decode, ValueError when it is no JSON."""
    if len(text) > MAX_BYTES:
        raise WireError(f"the value is {len(text):,} bytes as JSON; at most {MAX_BYTES:,} can travel")
    tables = 0

    def count(data: dict[str, Any]) -> dict[str, Any]:
        nonlocal tables
        tables += str(data.get("$")) not in _SCALARS_AND_CONTAINERS
        if tables > MAX_TABLES:
            raise WireError(f"the value holds more than {MAX_TABLES:,} arrays, tables and columns")
        return data

    return json.loads(text, object_hook=count)


def encode(value: object, handle: Encoder | None = None, depth: int = 0) -> Any:
    """Turn `value` into JSON-able data: a scalar, a list, or a tagged object `{"$": kind, …}`."""
    if depth > MAX_DEPTH:
        raise WireError(f"the value is nested more than {MAX_DEPTH} deep")
    if value is None or isinstance(value, (bool, str, int, float)):
        return _scalar(value)
    if isinstance(value, list):
        return [item if type(item) in _PLAIN else encode(item, handle, depth + 1) for item in value]
    if type(value) in (tuple, set, frozenset):
        return {"$": type(value).__name__, "v": [encode(item, handle, depth + 1) for item in value]}  # type: ignore[attr-defined]
    if type(value) in _PLAIN_DICTS:
        pairs = value.items()  # type: ignore[attr-defined]
        return {"$": "dict", "v": [[encode(k, handle, depth + 1), encode(v, handle, depth + 1)] for k, v in pairs]}
    if isinstance(value, bytes):
        return {"$": "bytes", "v": base64.b64encode(value).decode()}
    for as_data in (_encode_pandas, _encode_numpy, _encode_time):
        tagged = as_data(value)
        if tagged is not None:  # a numpy zero is data, too
            return tagged
    if handle is None:
        raise WireError(f"a {type(value).__qualname__} cannot be sent to a learner's function; send plain data instead")
    return handle(value)


def decode(data: Any, handle: Callable[[Any], object] | None = None) -> Any:
    """The inverse of `encode`; exact builtin types come out, whatever subclass went in."""
    if isinstance(data, list):
        return [decode(item, handle) if isinstance(item, (list, dict)) else item for item in data]
    if not isinstance(data, dict):
        return data
    kind = data["$"]
    if kind == "handle":
        if handle is None:
            raise WireError("an object handle came where only data may")
        return handle(data)
    return _DECODERS[kind](data, handle)


def _scalar(value: object) -> str | float | None:
    # Subclasses (np.float64, an enum, an impostor with its own __eq__) travel as the plain builtin.
    for builtin in (bool, str, int, float):
        if isinstance(value, builtin):
            return value if type(value) is builtin else builtin(value)
    return None


def _encode_time(value: object) -> dict[str, Any] | None:
    if isinstance(value, dt.datetime):
        return {"$": "datetime", "v": value.isoformat()}
    if isinstance(value, dt.date):
        return {"$": "date", "v": value.isoformat()}
    return None


def _encode_numpy(value: object) -> dict[str, Any] | Any:
    np = sys.modules.get("numpy")
    if np is None:
        return None
    if isinstance(value, np.generic) and value.dtype.kind in _ARRAY_KINDS:
        return value.item()
    if isinstance(value, np.ndarray):
        if value.dtype.kind in "mM":
            return {
                "$": "array",
                "dtype": str(value.dtype),
                "shape": value.shape,
                "v": value.astype("int64").ravel().tolist(),
            }
        if value.dtype.kind not in _ARRAY_KINDS:
            raise WireError(f"an array of dtype {value.dtype} cannot travel; use numbers, text or dates")
        return {"$": "array", "dtype": str(value.dtype), "shape": value.shape, "v": value.ravel().tolist()}
    return None


def _encode_pandas(value: object) -> dict[str, Any] | None:
    pd = sys.modules.get("pandas")
    if pd is None:
        return None
    if value is pd.NaT or value is pd.NA:
        return {"$": "missing", "v": "NaT" if value is pd.NaT else "NA"}
    if isinstance(value, pd.Timestamp):
        return {"$": "timestamp", "unit": value.unit, "v": value.isoformat()}
    if isinstance(value, pd.Timedelta):
        return {"$": "timedelta", "v": value.isoformat()}
    if isinstance(value, pd.Index):
        return {"$": "index", **_encode_index(value)}
    if isinstance(value, pd.Series):
        return {
            "$": "series",
            "name": encode(value.name),
            "index": _encode_index(value.index),
            "v": _encode_column(value),
        }
    if isinstance(value, pd.DataFrame):
        columns = [_encode_column(column) for _, column in value.items()]
        return {"$": "frame", "columns": encode(list(value.columns)), "index": _encode_index(value.index), "v": columns}
    return None


def _encode_index(index: Any) -> dict[str, Any]:
    import pandas as pd

    if isinstance(index, pd.RangeIndex):
        return {"range": [index.start, index.stop, index.step]}
    if isinstance(index, pd.MultiIndex):
        raise WireError("a frame with a multi-level index cannot travel; call reset_index() first")
    return {"name": encode(index.name), "v": _encode_column(index.to_series())}


def _encode_column(column: Any) -> dict[str, Any]:
    import pandas as pd

    dtype = column.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return {
            "dtype": "category",
            "ordered": bool(dtype.ordered),
            "categories": encode(dtype.categories.tolist()),
            "v": column.cat.codes.tolist(),
        }
    name, extension = str(dtype), isinstance(dtype, pd.api.extensions.ExtensionDtype)
    if name.startswith(("datetime64[", "timedelta64[")) and getattr(dtype, "tz", None) is None:
        return {"dtype": name, "v": column.astype("int64").tolist()}
    if name in ("bool", "object") or (dtype.kind in "iuf" and not extension):
        return {"dtype": name, "v": encode(column.tolist())}
    if extension:
        pairs = zip(column.tolist(), column.isna().tolist(), strict=True)
        return {"dtype": name, "v": encode([None if missing else item for item, missing in pairs])}
    raise WireError(f"column {column.name!r} of dtype {dtype} cannot travel")


def _decode_index(data: dict[str, Any]) -> Any:
    import pandas as pd

    if "range" in data:
        if len(range(*data["range"])) > MAX_BYTES:
            raise WireError(f"an index over {data['range']} is longer than anything that can travel")
        return pd.RangeIndex(*data["range"])
    return pd.Index(_decode_column(data["v"]), name=decode(data["name"]))


def _decode_column(data: dict[str, Any]) -> Any:
    import numpy as np
    import pandas as pd

    dtype = data["dtype"]
    if dtype == "category":
        categories = decode(data["categories"])
        return pd.Categorical.from_codes(data["v"], categories=categories, ordered=data["ordered"])
    if dtype.startswith(("datetime64[", "timedelta64[")) and "," not in dtype:
        return np.array(data["v"], dtype="int64").view(dtype)
    plain = pd.api.types.pandas_dtype(dtype)
    if isinstance(plain, np.dtype) and plain.kind not in "biufO":
        raise WireError(f"a column of dtype {dtype[:40]} is not one that was sent")  # "S2000000000" is 2 GB a cell
    values = decode(data["v"])
    if dtype == "object":
        return _object(values)
    return np.array(values, dtype=plain) if isinstance(plain, np.dtype) else pd.array(values, dtype=plain)


def _object(values: list[Any]) -> Any:
    import numpy as np

    # np.array would unpack nested lists; element assignment does not.
    out = np.empty(len(values), dtype=object)
    out[:] = values
    return out


def _decode_frame(data: dict[str, Any], _: object) -> Any:
    import pandas as pd

    index = _decode_index(data["index"])
    columns = decode(data["columns"])
    frame = pd.DataFrame({i: _decode_column(v) for i, v in enumerate(data["v"])}, index=index)
    frame.columns = pd.Index(columns) if columns else pd.RangeIndex(0)
    return frame


def _decode_series(data: dict[str, Any], _: object) -> Any:
    import pandas as pd

    return pd.Series(_decode_column(data["v"]), index=_decode_index(data["index"]), name=decode(data["name"]))


def _decode_array(data: dict[str, Any], _: object) -> Any:
    import numpy as np

    dtype = np.dtype(data["dtype"])
    if dtype.kind in "mM":
        return np.array(data["v"], dtype="int64").view(dtype).reshape(data["shape"])
    if dtype.kind not in _ARRAY_KINDS or math.prod(data["shape"]) != len(data["v"]):
        raise WireError(f"an array of dtype {dtype} and shape {data['shape']} is not one that was sent")
    if dtype.itemsize * len(data["v"]) > 4 * MAX_BYTES:
        raise WireError(f"an array of {len(data['v']):,} values of dtype {dtype} is too large to travel")
    return np.array(data["v"], dtype=dtype).reshape(data["shape"])


def _keys(data: list[Any], handle: Callable[[Any], object] | None) -> list[Any]:
    keys = [decode(item, handle) for item in data]
    # Each key of a hash walks past all earlier ones: some thousand forged numbers would take hours to put in a dict.
    if max(Counter(map(hash, keys)).values(), default=0) > MAX_SAME_HASH:
        raise WireError(f"more than {MAX_SAME_HASH} of {len(keys):,} keys share one hash")
    return keys


def _decode_missing(data: dict[str, Any], _: object) -> Any:
    import pandas as pd

    return pd.NaT if data["v"] == "NaT" else pd.NA


def _decode_timestamp(data: dict[str, Any], _: object) -> Any:
    import pandas as pd

    return pd.Timestamp(data["v"]).as_unit(data["unit"])


def _decode_timedelta(data: dict[str, Any], _: object) -> Any:
    import pandas as pd

    return pd.Timedelta(data["v"])


_DECODERS: dict[str, Callable[[dict[str, Any], Any], Any]] = {
    "tuple": lambda data, handle: tuple(decode(item, handle) for item in data["v"]),
    "set": lambda data, handle: set(_keys(data["v"], handle)),
    "frozenset": lambda data, handle: frozenset(_keys(data["v"], handle)),
    "dict": lambda data, handle: dict(
        zip(_keys([k for k, _ in data["v"]], handle), [decode(v, handle) for _, v in data["v"]], strict=True)
    ),
    "bytes": lambda data, _: base64.b64decode(data["v"], validate=True),
    "datetime": lambda data, _: dt.datetime.fromisoformat(data["v"]),
    "date": lambda data, _: dt.date.fromisoformat(data["v"]),
    "missing": _decode_missing,
    "timestamp": _decode_timestamp,
    "timedelta": _decode_timedelta,
    "index": lambda data, _: _decode_index(data),
    "array": _decode_array,
    "series": _decode_series,
    "frame": _decode_frame,
}
