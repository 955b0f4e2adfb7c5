"""Refuses a module whose students could read a hidden value: a key or a hidden expectation in what they are shown."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from nbformat import NotebookNode

from autograder.calls import dotted, mentions
from autograder.errors import SourceError
from autograder.models import Cell, Lab
from autograder.names import assigned_names, free_names, parsed
from autograder.weak import expected, hidden_lines, is_literal

_NUMBER = re.compile(r"(?<![\w.])\d[\d_,]*(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w])")


@dataclass(frozen=True)
class _Hidden:
    """A value that decides over points in `check`; `name` is what the student assigns it to, if it is an answer."""

    check: Cell
    value: object
    name: str = ""


def reject_visible_values(lab: Lab, student: NotebookNode) -> None:
    """SourceError when a hidden value stands in the student's notebook; the check's `excuse="visible: …"` allows it."""
    _reject(lab, {cell.id: str(cell.source) for cell in student.cells}, "shows it to students")


def reject_visible_outputs(lab: Lab, executed: NotebookNode) -> None:
    """SourceError when a cell prints a hidden value before students did anything for it.

    Cells that use what tasks assign are left out: they print it only once the task is done.
    """
    tasks = {name for cell in lab.with_role("task") for name in assigned_names(cell.source)}
    outputs = {}
    for cell in lab.cells:
        if cell.role in ("plain", "shared", "parameters") and cell.kind == "code":
            if (assigned_names(cell.source) | free_names(cell.source)) & tasks:
                tasks |= assigned_names(cell.source)
            else:
                outputs[cell.id] = _printed(next(c for c in executed.cells if c.id == cell.id))
    _reject(lab, outputs, "prints it to students")


def _reject(lab: Lab, shown: dict[str, str], how: str) -> None:
    for hidden in _hidden_values(lab):
        for cell_id, text in shown.items():
            if "visible" not in hidden.check.excused and _stands_in(hidden, text):
                where = f"cell {cell_id!r} (line {lab[cell_id].line})"
                raise SourceError(
                    f"{lab.at(hidden.check)}: check {hidden.check.id!r} expects {_shown(hidden.value)}, "
                    f"and {where} {how}. "
                    'Change one of them, draw it from seed(), or say why it gives nothing away: excuse="visible: …"'
                )


def _hidden_values(lab: Lab) -> Iterator[_Hidden]:
    for check in lab.with_role("check"):
        lines = hidden_lines(check.source)
        theirs = {name for target in check.targets for name in assigned_names(lab[target].source)}
        wanted = []
        for node in ast.walk(parsed(check.source)):
            if isinstance(node, ast.Compare) and node.lineno in lines and mentions(node.left, theirs):
                wanted += node.comparators
            elif isinstance(node, ast.Call) and node.lineno in lines:
                name = dotted(node.func, {})
                if name == "answered":
                    key = next(keyword.value for keyword in node.keywords if keyword.arg == "key")
                    yield _Hidden(check, ast.literal_eval(key), ast.unparse(node.args[0]))
                elif name == "expect" and node.args and mentions(node.args[0], theirs):
                    wanted += expected(node)
        literals = [ast.literal_eval(value) for value in wanted if is_literal(value)]
        yield from (_Hidden(check, value) for value in _telling(literals))


def _telling(literals: list[object]) -> list[object]:
    """Expectations that give the answer away when they are seen: numbers, or the one text that is asked for.

    Of several texts, each stands in the task as a word to choose from.
    """
    texts = {value for value in literals if isinstance(value, str) and len(value) >= 4}
    others = [value for value in literals if not isinstance(value, str)]
    return [*(texts if len(texts) == 1 else ()), *others]


def _stands_in(hidden: _Hidden, text: str) -> bool:
    value = hidden.value
    if hidden.name and re.search(rf"\b{re.escape(hidden.name)}\s*=\s*{re.escape(repr(value))}", text.replace('"', "'")):
        return True
    if isinstance(value, bool) or value is None:
        return False
    if isinstance(value, (int, float)):
        return _is_telling(value) and any(_number(found) == abs(value) for found in _NUMBER.findall(text))
    if isinstance(value, str):
        return len(value) >= 4 and re.search(rf"(?<!\w){re.escape(value)}(?!\w)", text) is not None
    return _size(value) >= 2 and any(
        _literal(found) == value for found in re.findall(r"[\[{(][^\[\]{}()]*[\]})]", text)
    )


def _is_telling(value: float) -> bool:
    """Whether `value` is a number that nobody writes by chance: three digits that count, and no year."""
    digits = f"{abs(value):.12g}".split("e")[0].replace(".", "").strip("0")
    return len(digits) >= 3 and not (value == int(value) and 1900 <= value <= 2100)


def _number(text: str) -> float | None:
    try:
        return float(text.replace(",", "").replace("_", ""))
    except ValueError:
        return None


def _literal(text: str) -> object:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError):
        return None


def _size(value: object) -> int:
    return len(value) if isinstance(value, (list, tuple, set, dict)) else 0


def _printed(cell: NotebookNode) -> str:
    texts = [output.get("text", "") for output in cell.outputs]
    return "\n".join([*texts, *(output.get("data", {}).get("text/plain", "") for output in cell.outputs)])


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}…"
