"""Remote names: what a check cell holds in place of a learner's functions and objects."""

from __future__ import annotations

import builtins
import json
from collections.abc import Callable
from typing import Any

from autograder import wire
from autograder.errors import WireError
from autograder.lab import Failure, Raised

Ask = Callable[[str], str]


class Remote:
    """An object that lives in the learner's kernel: call it, read its attributes, hand it back; nothing else.

    It equals only itself and has no truth value, so no trick of the learner's class can pass a comparison here.
    """

    __slots__ = ("_ask", "_data", "_label")

    def __init__(self, ask: Ask, data: dict[str, Any], label: str) -> None:
        self._ask = ask
        self._data = data
        self._label = label

    def __repr__(self) -> str:
        return f"<{self._label}: {self._data['type']} in the notebook>"

    def __bool__(self) -> bool:
        raise Failure(f"{self._label} is an object of type {self._data['type']}; plain data was expected")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        message = {"op": "getattr", "handle": self._data["id"], "name": name}
        return _request(self._ask, message, f"{self._label}.{name}")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        message = {
            "op": "call",
            "handle": self._data["id"],
            "args": wire.encode(list(args), _give_back),
            "kwargs": wire.encode(kwargs, _give_back),
        }
        return _request(self._ask, message, f"{self._label}(…)")


def fetch_names(ask: Ask, names: list[str]) -> dict[str, Any]:
    """The learner's values for `names`, those that exist: data as builtin types, the rest as `Remote`."""
    values = _request(ask, {"op": "names", "names": names}, "the notebook")
    if not isinstance(values, dict):
        raise Failure("the notebook's names could not be read")
    for name, value in values.items():
        if isinstance(value, Remote):
            object.__setattr__(value, "_label", name)
    return {name: value for name, value in values.items() if name in names}


def fetch_fingerprints(ask: Ask, names: list[str]) -> dict[str, str]:
    """What `agent.fingerprints` says of these names in the learner's kernel."""
    prints = _request(ask, {"op": "prints", "names": names}, "the notebook")
    return prints if isinstance(prints, dict) else {}


def _give_back(value: object) -> dict[str, Any]:
    if isinstance(value, Remote):
        return {"$": "handle", "id": value._data["id"]}  # noqa: SLF001 - the same concept
    raise WireError(f"a {type(value).__qualname__} cannot be sent to a learner's function; send plain data instead")


def _request(ask: Ask, message: dict[str, Any], label: str) -> Any:
    text = ask(json.dumps(message, separators=(",", ":")))

    def remote(data: dict[str, Any]) -> Remote:
        whole = {"id": int(data["id"]), "type": str(data["type"])[:100], "callable": data["callable"] is True}
        return Remote(ask, whole, label)

    try:
        reply = wire.parse(text)
        if "error" not in reply:
            return wire.decode(reply["ok"], remote)
        kind, detail = str(reply["error"]["type"]), str(reply["error"]["message"])
        trace = str(reply["error"].get("trace", ""))
    except Exception as error:
        # Whatever a forged reply provokes in json, numpy or pandas is the answer's fault.
        raise Failure(f"{label} gave an answer that cannot be read: {error}") from error
    raise _raised(str(reply["error"].get("builtin", kind)), f"{label} raised {kind}: {detail}", kind, trace)


def _raised(builtin: str, message: str, kind: str, trace: str) -> Raised:
    """A Raised that is also an exception of the `builtin` class: a check may catch it as it would in the notebook."""
    base = getattr(builtins, builtin, None)
    if not (isinstance(base, type) and issubclass(base, Exception)) or issubclass(Raised, base):
        return Raised(message, kind, trace)
    if issubclass(base, (StopIteration, BaseExceptionGroup)):
        return Raised(message, kind, trace)
    combined: type[Raised] = type("Raised", (Raised, base), {})
    return combined(message, kind, trace)
