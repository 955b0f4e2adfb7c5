"""Expressions of GitHub Actions, `${{ … }}` and the text of an `if`, with the values that GitHub gives them.

Source: docs.github.com, "Evaluate expressions in workflows and actions": operators, coercion, functions.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from lib.errors import WorkflowError

Functions = Mapping[str, Callable[..., Any]]
STATUS = ("success", "failure", "always", "cancelled")

_TOKEN = re.compile(
    r"\s*(?:(?P<number>-?(?:0x[0-9a-fA-F]+|\d+(?:\.\d+)?(?:[eE][-+]?\d+)?))|'(?P<text>(?:[^']|'')*)'"
    r"|(?P<sign>&&|\|\||==|!=|<=|>=|[!<>()\[\],.*])|(?P<name>[A-Za-z_][\w-]*))"
)
_EMBEDDED = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)


def evaluate(expression: str, contexts: Mapping[str, Any], functions: Functions | None = None) -> Any:
    """The value of `expression`; WorkflowError when GitHub would refuse it.

    >>> evaluate("github.ref == 'refs/heads/MAIN' && !failure()",
    ...          {"github": {"ref": "refs/heads/main"}}, {"failure": lambda: False})
    True
    """
    reader = _Reader(expression, contexts, {**_FUNCTIONS, **(functions or {})})
    value = reader.either()
    reader.expect_end()
    return value


def fill(value: Any, contexts: Mapping[str, Any], functions: Functions | None = None) -> Any:
    """`value` with every `${{ … }}` in its texts replaced; a text that is one expression becomes its value.

    >>> fill({"image": "shop:${{ github.sha }}"}, {"github": {"sha": "af31"}})
    {'image': 'shop:af31'}
    """
    if isinstance(value, dict):
        return {key: fill(each, contexts, functions) for key, each in value.items()}
    if isinstance(value, list):
        return [fill(each, contexts, functions) for each in value]
    if not isinstance(value, str):
        return value
    whole = _EMBEDDED.fullmatch(value.strip())
    if whole is not None and "}}" not in whole[1]:
        return evaluate(whole[1], contexts, functions)
    return _EMBEDDED.sub(lambda found: as_text(evaluate(found[1], contexts, functions)), value)


def holds(condition: Any, contexts: Mapping[str, Any], functions: Functions) -> bool:
    """Whether a step or job with this `if` runs; without a status function in it, `success()` is asked as well."""
    text = as_text(condition) if condition is not None else "success()"
    whole = _EMBEDDED.fullmatch(text.strip())
    if whole is None and _EMBEDDED.search(text):
        value: Any = fill(text, contexts, functions)  # words around it make it a text, and a text is true
    else:
        value = evaluate(whole[1] if whole else text, contexts, functions)
    asks = re.search(rf"\b(?:{'|'.join(STATUS)})\s*\(", text, re.IGNORECASE)
    return is_true(value) and (asks is not None or bool(functions["success"]()))


def is_true(value: Any) -> bool:
    """GitHub's truth: false, 0, NaN, null and the empty text are false, anything else is true."""
    return isinstance(value, (dict, list)) or (bool(value) and value == value)  # noqa: PLR0124  NaN differs from itself


def as_text(value: Any) -> str:
    """How a value stands in a text.

    >>> as_text(True), as_text(None), as_text(3.0)
    ('true', '', '3')
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.15g}"
    return "Object" if isinstance(value, dict) else "Array" if isinstance(value, list) else str(value)


class _Reader:
    """Reads and evaluates in one go: `&&` and `||` give their last operand, as in JavaScript, so nothing is skipped."""

    def __init__(self, text: str, contexts: Mapping[str, Any], functions: Functions) -> None:
        self._text, self._contexts = text, {name.lower(): value for name, value in contexts.items()}
        self._functions = {name.lower(): function for name, function in functions.items()}
        self._tokens = self._split(text)
        self._next = 0

    def either(self) -> Any:
        value = self._both()
        while self._take("||"):
            other = self._both()
            value = value if is_true(value) else other
        return value

    def expect_end(self) -> None:
        if self._next < len(self._tokens):
            raise self._trouble(f"{self._tokens[self._next][1]!r} stands where nothing may")

    def _both(self) -> Any:
        value = self._equal()
        while self._take("&&"):
            other = self._equal()
            value = other if is_true(value) else value
        return value

    def _equal(self) -> Any:
        value = self._ordered()
        while sign := self._take("==", "!="):
            value = _same(value, self._ordered()) == (sign == "==")
        return value

    def _ordered(self) -> Any:
        value = self._negated()
        while sign := self._take("<=", ">=", "<", ">"):
            value = _compare(sign, value, self._negated())
        return value

    def _negated(self) -> Any:
        if self._take("!"):
            return not is_true(self._negated())
        return self._with_parts()

    def _with_parts(self) -> Any:
        value = self._first()
        while sign := self._take(".", "["):
            if sign == "[":
                key = "*" if self._take("*") else self.either()
                self._need("]")
            else:
                key = "*" if self._take("*") else self._name()
            value = _part(value, key)
        return value

    def _first(self) -> Any:
        if self._take("("):
            value = self.either()
            self._need(")")
            return value
        kind, word = self._tokens[self._next] if self._next < len(self._tokens) else ("end", "its end")
        if kind == "number":
            self._next += 1
            return float(int(word, 16)) if "0x" in word else float(word)
        if kind == "text":
            self._next += 1
            return word.replace("''", "'")
        name = self._name()
        if self._take("("):
            return self._call(name)
        literals = {"true": True, "false": False, "null": None, "nan": float("nan"), "infinity": float("inf")}
        if name.lower() in literals:
            return literals[name.lower()]
        if name.lower() not in self._contexts:
            raise self._trouble(f"there is no {name!r} here")
        return self._contexts[name.lower()]

    def _call(self, name: str) -> Any:
        arguments: list[Any] = []
        while not self._take(")"):
            if arguments:
                self._need(",")
            arguments.append(self.either())
        try:
            return self._functions[name.lower()](*arguments)
        except KeyError:
            raise self._trouble(f"there is no function {name!r}") from None
        except (TypeError, ValueError) as error:
            raise self._trouble(f"{name}(…) cannot take that: {error}") from error

    def _name(self) -> str:
        kind, word = self._tokens[self._next] if self._next < len(self._tokens) else ("end", "its end")
        if kind != "name":
            raise self._trouble(f"{word!r} stands where a name is needed")
        self._next += 1
        return word

    def _take(self, *signs: str) -> str:
        if self._next < len(self._tokens) and self._tokens[self._next] in [("sign", sign) for sign in signs]:
            self._next += 1
            return self._tokens[self._next - 1][1]
        return ""

    def _need(self, sign: str) -> None:
        if not self._take(sign):
            raise self._trouble(f"{sign!r} is missing")

    def _split(self, text: str) -> list[tuple[str, str]]:
        tokens, place = [], 0
        while text[place:].strip():
            found = _TOKEN.match(text, place)
            if found is None:
                raise self._trouble(f"{text[place:].strip()[:20]!r} cannot be read (texts stand in single quotes)")
            tokens.append((str(found.lastgroup), found[str(found.lastgroup)]))
            place = found.end()
        return tokens

    def _trouble(self, what: str) -> WorkflowError:
        return WorkflowError(f"the expression {self._text.strip()!r}: {what}. GitHub would refuse the file; mend it.")


def _part(value: Any, key: Any) -> Any:
    """A property, whatever the case of its name; null where there is none. `*` gives all of them."""
    if key == "*":
        return list(value.values()) if isinstance(value, Mapping) else value if isinstance(value, list) else []
    if isinstance(value, Mapping):
        return {str(name).lower(): each for name, each in value.items()}.get(as_text(key).lower())
    if isinstance(value, list) and isinstance(key, float):
        return value[int(key)] if 0 <= key < len(value) else None
    if isinstance(value, list):  # what `.*` gave: the property of each
        return [_part(each, key) for each in value if isinstance(each, Mapping)]
    return None


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, str) and isinstance(other, str):
        return one.lower() == other.lower()
    if isinstance(one, (dict, list)) and isinstance(other, (dict, list)):
        return one is other
    return _number(one) == _number(other)


def _compare(sign: str, one: Any, other: Any) -> bool:
    left: Any = _number(one)
    right: Any = _number(other)
    if isinstance(one, str) and isinstance(other, str):
        left, right = one.lower(), other.lower()
    return bool({"<": left < right, ">": left > right, "<=": left <= right, ">=": left >= right}[sign])


def _number(value: Any) -> float:
    """Null is 0, true is 1, a text what it says or NaN, anything else NaN."""
    if value is None or value == "":
        return 0.0
    try:
        return float(value)
    except (TypeError, ValueError):
        return float("nan")


def _contains(whole: Any, part: Any) -> bool:
    if isinstance(whole, list):
        return any(_same(each, part) for each in whole)
    return as_text(part).lower() in as_text(whole).lower()


def _format(text: Any, *values: Any) -> str:
    plain = as_text(text).replace("{{", "\0").replace("}}", "\1")
    filled = re.sub(r"\{(\d+)\}", lambda found: as_text(values[int(found[1])]), plain)
    return filled.replace("\0", "{").replace("\1", "}")


def _join(values: Any, between: Any = ",") -> str:
    return as_text(between).join(map(as_text, values)) if isinstance(values, list) else as_text(values)


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "contains": _contains,
    "startsWith": lambda text, start: as_text(text).lower().startswith(as_text(start).lower()),
    "endsWith": lambda text, end: as_text(text).lower().endswith(as_text(end).lower()),
    "format": _format,
    "join": _join,
    "toJSON": lambda value: json.dumps(value, indent=2),
    "fromJSON": lambda text: json.loads(as_text(text)),
    "hashFiles": lambda *patterns: f"hash-of-{'-'.join(map(as_text, patterns))}",
}
