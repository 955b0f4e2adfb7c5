"""Theory answers: the check cell that is made for an `answer=` cell, and how it judges.

The visible half of the check looks at the form only; the key stands in the hidden half, which students never get.
"""

from __future__ import annotations

import ast
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict

from autograder.errors import SourceError

Kind = Literal["choice", "several", "order", "match", "numeric"]
Key = str | float | set[str] | list[str] | dict[str, str]


class AnswerSpec(BaseModel):
    """One question: `options` are the letters to answer with, `keys` what a match is made for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    kind: str
    options: str = ""
    keys: str = ""
    tolerance: float = 0
    unit: str = ""


def check_source(spec: AnswerSpec, solution: str, where: str) -> str:
    """The text of the check cell for `spec`, with the key taken from the solution region of the answer cell."""
    if spec.kind not in get_args(Kind):
        raise SourceError(f"{where}: answer={spec.kind!r}; kinds are {', '.join(get_args(Kind))}")
    if spec.kind != "numeric" and len(spec.options) < 2:
        raise SourceError(f'{where}: answer="{spec.kind}" needs its letters, such as options="ABCDE"')
    key = _key(spec, solution, where)
    call = f"answered({spec.name}, {spec.kind!r}, options={spec.options!r}, keys={spec.keys!r}, unit={spec.unit!r}"
    return "\n".join(
        [
            "from autograder.lab import answered",
            "",
            f"{call})  # looks at the form only",
            "### BEGIN HIDDEN TESTS",
            f"{call}, key={_literal(key)}, tolerance={spec.tolerance!r})",
            "### END HIDDEN TESTS",
        ]
    )


def _key(spec: AnswerSpec, solution: str, where: str) -> Key:
    from autograder.lab import Failure, answered

    values = [
        node.value
        for node in ast.parse(solution).body
        if isinstance(node, ast.Assign) and [ast.unparse(t) for t in node.targets] == [spec.name]
    ]
    try:
        key: Key = ast.literal_eval(values[-1])
        answered(key, spec.kind, options=spec.options, keys=spec.keys, unit=spec.unit)
    except (IndexError, ValueError) as error:
        raise SourceError(f"{where}: the solution must assign {spec.name} a literal ({error})") from error
    except Failure as error:
        raise SourceError(f"{where}: the solution's own answer has the wrong form: {error}") from error
    return key


def _literal(key: Key) -> str:
    # Sets print in hash order, which differs between interpreters; builds must not.
    return "{" + ", ".join(repr(item) for item in sorted(key)) + "}" if isinstance(key, set) else repr(key)
