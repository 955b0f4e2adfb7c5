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
check_seed: ContextVar[int] = ContextVar("check_seed", default=20_240_601)


class Failure(AssertionError):
    """A learner's answer is not what was asked for; the message is written for the learner."""


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


def require(condition: bool, message: str) -> None:
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
    return getattr(importlib.import_module(module), function)(**arguments)


def seed() -> int:
    """A seed for this check's unseen inputs: fixed in a notebook, drawn per student and check when graded."""
    return check_seed.get()


def _same(got: object, expected: object, *, rel: float, abs_tol: float) -> bool:
    if isinstance(expected, bool) or expected is None or isinstance(expected, str):
        return type(got) is type(expected) and got == expected
    if isinstance(expected, (int, float)):
        if isinstance(got, bool) or not isinstance(got, (int, float)) or math.isnan(got):
            return False
        return math.isclose(got, expected, rel_tol=rel, abs_tol=abs_tol)
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
