"""The grader's hand inside a learner's kernel: looks up names, calls functions, returns data or handles.

It decides nothing. Whatever a learner does to this module can only change the learner's own answers.
"""

from __future__ import annotations

import hashlib
import json
import re
import traceback
from types import CodeType
from typing import Any

from autograder import wire

_handles: list[object] = []
_CELL_FILE = re.compile(r'File "[^"]*ipykernel_[^"]*"')


def answer(request: str) -> str:
    """Serve one JSON request (`names`, `prints`, `getattr` or `call`), in JSON; exceptions travel as text."""
    try:
        message = json.loads(request)
        return '{"ok":' + wire.dumps(_serve(message), _handle) + "}"
    except BaseException as error:  # noqa: BLE001 - whatever a learner raises is the answer
        kind = {"type": type(error).__name__, "builtin": _builtin(error)}
        return json.dumps({"error": {**kind, "message": _text(error), "trace": _trace(error)}})


def _serve(message: dict[str, Any]) -> object:
    op = message["op"]
    if op == "names":
        namespace = _user_namespace()
        return {name: namespace[name] for name in message["names"] if name in namespace}
    if op == "prints":
        return fingerprints(_user_namespace(), message["names"])
    target = _handles[message["handle"]]
    if op == "getattr":
        return getattr(target, message["name"])
    args = wire.decode(message["args"], _object)
    kwargs = wire.decode(message["kwargs"], _object)
    return target(*args, **kwargs)


def fingerprints(namespace: dict[str, Any], names: list[str]) -> dict[str, str]:
    """Of each function or class in `namespace`, a digest of its code: the same wherever the same text defined it."""
    return {name: _fingerprint(namespace.get(name)) for name in names}


def _fingerprint(thing: object) -> str:
    if isinstance(thing, type):
        methods = {name: getattr(part, "fget", part) for name, part in vars(thing).items()}
        shape: object = [(name, _shape(part)) for name, part in sorted(methods.items()) if _shape(part)]
    else:
        shape = _shape(thing)
    return hashlib.sha256(repr(shape).encode()).hexdigest()


def _shape(thing: object) -> object:
    """What a function does, without file, lines and addresses; None for anything else."""
    code = getattr(thing, "__code__", thing)
    if not isinstance(code, CodeType):
        return None
    constants = [_shape(each) or _constant(each) for each in code.co_consts]
    return code.co_code, code.co_names, code.co_varnames, code.co_freevars, constants


def _constant(value: object) -> str:
    return repr(sorted(map(repr, value))) if isinstance(value, frozenset) else repr(value)


def _user_namespace() -> dict[str, Any]:
    from IPython import get_ipython

    return get_ipython().user_ns  # type: ignore[no-any-return]


def _handle(value: object) -> dict[str, Any]:
    _handles.append(value)
    kind = type(value)
    return {
        "$": "handle",
        "id": len(_handles) - 1,
        "type": f"{kind.__module__}.{kind.__qualname__}",
        "callable": callable(value),
    }


def _object(data: dict[str, Any]) -> object:
    return _handles[data["id"]]


def _builtin(error: BaseException) -> str:
    """The nearest class of `error` that Python itself has: an own subclass of ValueError is caught as a ValueError."""
    return next(kind.__name__ for kind in type(error).__mro__ if kind.__module__ == "builtins")


def _text(error: BaseException) -> str:
    try:
        return str(error)[:2_000]
    except Exception as second:  # noqa: BLE001 - __str__ is the learner's code
        return f"<the exception's own text cannot be read: {type(second).__name__}>"


def _trace(error: BaseException) -> str:
    try:
        lines = "".join(traceback.format_tb(error.__traceback__)[2:])
        return _CELL_FILE.sub("your cell", lines)[-4_000:]
    except Exception:  # noqa: BLE001 - a learner's traceback may be anything
        return ""  # only decoration for the feedback page; the error itself is already reported
