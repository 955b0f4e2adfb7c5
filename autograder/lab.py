"""What notebooks import: state an expectation, examine the system that was built, draw an unseen seed.

The same check cell runs in a learner's own notebook and in the grader. In the notebook these functions
act locally; the grader installs its own `examine` and `seed` for the length of one check.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

examiner: ContextVar[Callable[..., Any] | None] = ContextVar("examiner", default=None)
notebook_function: ContextVar[Callable[[str], Any] | None] = ContextVar("notebook_function", default=None)
check_seed: ContextVar[int] = ContextVar("check_seed", default=20_240_601_000_007)


class Failure(AssertionError):
    """A learner's answer is not what was asked for; the message is written for the learner."""

    def _render_traceback_(self) -> list[str]:
        """IPython shows these lines in place of a traceback, which would speak of this module and not of the answer."""
        return [f"Not yet: {self}"]


class Raised(Failure):
    """A learner's function raised; `error` is the exception's class name."""

    def __init__(self, message: str, error: str, trace: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.error = error
        self.trace = trace

    def __str__(self) -> str:
        return self.message  # some builtin exceptions, with which the grader combines this one, print something else


class NoVerdict(Exception):
    """The kernel or the grader failed, so nothing can be said about the answer; `attempt` hands it on."""


def attempt(function: Callable[..., Any], *args: Any, **kwargs: Any) -> tuple[Any, str | None]:
    """Call `function`; return its value and None, or None and the class name of the exception it raised.

    A call that takes too long, or whose answer cannot be read, has raised nothing: it fails the check.

    >>> attempt(int, "x")
    (None, 'ValueError')
    """
    try:
        return function(*args, **kwargs), None
    except Raised as error:
        return None, error.error
    except (Failure, NoVerdict):
        raise
    except Exception as error:  # noqa: BLE001 - the caller asked which
        return None, type(error).__name__


def expect(
    got: object,
    expected: object,
    *,
    given: object = None,
    slip: str = "",
    rel: float = 0.0,
    abs_tol: float = 0.0,
    secret: bool = False,
) -> None:
    """Fail with input, expected, got and the likely slip unless `got` equals `expected`.

    Numbers compare within `rel` (relative) or `abs_tol` (in their own unit); NaN never passes. Containers compare
    element by element. `secret` keeps the expected value out of the message, for hidden tests.
    """
    if _same(got, expected, rel=rel, abs_tol=abs_tol):
        return
    lines = ["not what was expected"]
    if given is not None:
        lines.append(f"  input:    {_short(given)}")
    lines.append(f"  expected: {_kind(expected) if secret else _short(expected)}")
    lines.append(f"  got:      {_short(got)}")
    if got is None:
        lines.append("  hint:     the answer is None: did you forget a return, or leave the stub?")
    elif slip:
        lines.append(f"  hint:     {slip}")
    raise Failure("\n".join(lines))


def require(condition: object, message: str) -> None:
    """Fail with `message` unless `condition` is exactly True; an object that only looks true does not pass."""
    if condition is not True:
        raise Failure(message)


def examine(target: str, **arguments: Any) -> Any:
    """Ask the built system a question: call `module:function` with JSON arguments and return its JSON answer.

    In a learner's notebook this is a plain call. In the grader it runs in a fresh interpreter, in the same
    workspace, without any of the learner's code.
    """
    remote = examiner.get()
    if remote is not None:
        return remote(target, **arguments)
    module, _, function = target.partition(":")
    question = getattr(importlib.import_module(module), function)
    try:
        return question(**arguments)
    except Exception as error:
        raise Failure(f"what was built cannot be read: {error}") from error


def in_notebook(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call a `function` of a shared cell where the learner's objects live, so that it can use them: serve an app, say.

    In a learner's notebook this is a plain call. In the grader it runs in the learner's kernel, after a look whether
    the shared functions there are the course's own. What it returns is the learner's word, as is what a function of
    theirs returns: whoever bends the libraries in their kernel can only bend their own answers.
    """
    find = notebook_function.get()
    return (function if find is None else find(function.__name__))(*args, **kwargs)


def seed() -> int:
    """A seed for this check's unseen inputs: fixed in a notebook, drawn per student and check when graded."""
    return check_seed.get()


def answered(
    value: object,
    kind: str,
    *,
    options: str = "",
    keys: str = "",
    unit: str = "",
    key: object = None,
    tolerance: float = 0.0,
) -> None:
    """Fail unless `value` has the form that a question of this `kind` asks for and, when a `key` is given, is right.

    Kinds: choice ("B"), several ({"A", "C"}), order ("CAB"), match ({"1": "B"}), numeric (a number in `unit`,
    right within `tolerance`, relative).
    """
    given = _in_form(value, kind, options, keys, unit)
    if key is None:
        return
    right = (
        _same(given, key, rel=tolerance, abs_tol=0.0)
        if kind == "numeric"
        else given == _in_form(key, kind, options, keys, unit)
    )
    if not right:
        raise Failure("this is not the answer; read the section above the question once more")


def _in_form(value: object, kind: str, options: str, keys: str, unit: str) -> object:
    if value is None:
        raise Failure("not answered yet")
    answer = _READERS[kind](value, set(options), set(keys))
    if answer is None:
        form = _FORMS[kind].format(options=options, keys=keys, unit=f" in {unit}" if unit else "")
        raise Failure(f"write {form}; got {_short(value)}")
    return answer


def _letters(value: object) -> list[str]:
    return [str(item).strip().upper() for item in value] if isinstance(value, (set, list, tuple, str)) else []


def _read_choice(value: object, letters: set[str], _: set[str]) -> str | None:
    return value.strip().upper() if isinstance(value, str) and value.strip().upper() in letters else None


def _read_several(value: object, letters: set[str], _: set[str]) -> set[str] | None:
    chosen = set(_letters(value))
    return chosen if chosen and chosen <= letters else None


def _read_order(value: object, letters: set[str], _: set[str]) -> list[str] | None:
    order = [] if isinstance(value, set) else _letters(value)
    return order if sorted(order) == sorted(letters) else None


def _read_match(value: object, letters: set[str], keys: set[str]) -> dict[str, str] | None:
    pairs = {str(k): str(v).strip().upper() for k, v in value.items()} if isinstance(value, dict) else {}
    return pairs if set(pairs) == keys and set(pairs.values()) <= letters else None


def _read_number(value: object, _: set[str], __: set[str]) -> float | None:
    plain = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if plain else None  # type: ignore[arg-type]


_READERS: dict[str, Callable[[object, set[str], set[str]], object]] = {
    "choice": _read_choice,
    "several": _read_several,
    "order": _read_order,
    "match": _read_match,
    "numeric": _read_number,
}
_FORMS = {
    "choice": 'one letter of {options}, such as "A"',
    "several": 'a set of letters of {options}, such as {{"A", "C"}}',
    "order": "all of the letters {options}, each once, in the right order, as one text",
    "match": "a dictionary from each of {keys} to one of the letters {options}",
    "numeric": "a number{unit}",
}


def _same(got: object, expected: object, *, rel: float, abs_tol: float) -> bool:
    if type(got).__module__ == "numpy" and getattr(got, "shape", None) == ():
        got = got.item()  # type: ignore[attr-defined]  # as it arrives in the grader
    if isinstance(expected, bool) or expected is None or isinstance(expected, str):
        return type(got) is type(expected) and got == expected
    if isinstance(expected, (int, float)):
        if isinstance(got, bool) or not isinstance(got, (int, float)):
            return False
        # isclose compares as floats, to which neighbouring integers above 2**53 are equal.
        return got == expected or (max(rel, abs_tol) > 0 and math.isclose(got, expected, rel_tol=rel, abs_tol=abs_tol))
    if isinstance(expected, dict):
        return (
            isinstance(got, dict)
            and got.keys() == expected.keys()
            and all(_same(got[key], expected[key], rel=rel, abs_tol=abs_tol) for key in expected)
        )
    if isinstance(expected, (list, tuple)):
        return (
            isinstance(got, (list, tuple))
            and len(got) == len(expected)
            and all(_same(a, b, rel=rel, abs_tol=abs_tol) for a, b in zip(got, expected, strict=True))
        )
    return type(got) is type(expected) and bool(got == expected)


def _short(value: object, limit: int = 300) -> str:
    text = repr(value)
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text)} characters)"


def _kind(value: object) -> str:
    size = f" of length {len(value)}" if isinstance(value, (list, tuple, dict, set, str)) else ""
    return f"a {type(value).__name__}{size} (hidden test)"
