"""Refuses checks that would run, in the grader's own process, what a student made: pickles, models, source, files."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from autograder.calls import calls, derived, imported, mentions
from autograder.errors import SourceError
from autograder.models import Cell, Lab
from autograder.names import assigned_names, free_names, parsed

# Loading any of these runs code that stands in the bytes.
_LOADERS = re.compile(
    r"(_?pickle|cloudpickle|dill|joblib|marshal)\.(load|loads|Unpickler)|(pandas|pd)\.read_pickle|shelve\.open"
    r"|skops\.io\.loads?|mlflow(\.\w+)*\.load_model|torch\.load|keras(\.\w+)*\.load_model"
)
# These run, import or open what their arguments name: harmless with the check's own words, not with a student's.
_RUNNERS = re.compile(
    r"(builtins\.)?(eval|exec|compile|open|__import__)|io\.open|importlib\.import_module|runpy\.\w+|os\.(system|popen)"
    r"|subprocess\.\w+|pathlib\.Path\(\)\.open|.*\.(read_text|read_bytes)"
)


@dataclass(frozen=True)
class Shared:
    """What a lab's shared cells define: their functions by cell and name, and what their imports stand for."""

    functions: dict[tuple[str, str], ast.FunctionDef]
    aliases: dict[str, str]


def reject_unsafe_checks(lab: Lab) -> None:
    """SourceError when a check, or a shared function that it calls, loads or runs something of the student's."""
    shared = _shared(lab)
    for cell in lab.with_role("check"):
        for reason in unsafe_reasons(lab, cell, shared):
            raise SourceError(
                f"{lab.at(cell)}: check {cell.id!r}, {reason}. It would run in the grader's own process, where a "
                "student's bytes can do anything. Ask the workspace by examine(…) and compare data"
            )


def unsafe_reasons(lab: Lab, cell: Cell, shared: Shared | None = None) -> Iterator[str]:
    """Each unsafe call of the check `cell`, with its line in the cell, as a reason."""
    shared = shared or Shared({}, {})
    tree = parsed(cell.source)
    aliases = shared.aliases | imported(tree)
    theirs = {name for target in cell.targets for name in assigned_names(lab[target].source)}
    yield from (f"line {line} of it: {what}" for line, what in _unsafe(tree, aliases, derived(tree, theirs)))
    wanted = free_names(cell.source)
    for (other, name), function in shared.functions.items():
        if name in wanted:
            parameters = {argument.arg for argument in ast.walk(function) if isinstance(argument, ast.arg)}
            for _, what in _unsafe(function, aliases, derived(function, parameters)):
                yield f"by {name} in cell {other!r}: {what}"


def _shared(lab: Lab) -> Shared:
    trees = {cell.id: parsed(cell.source) for cell in lab.cells if cell.role == "shared"}
    return Shared(
        {
            (cell, each.name): each
            for cell, tree in trees.items()
            for each in tree.body
            if isinstance(each, ast.FunctionDef)
        },
        {name: full for tree in trees.values() for name, full in imported(tree).items()},
    )


def _unsafe(tree: ast.AST, aliases: dict[str, str], theirs: set[str]) -> Iterator[tuple[int, str]]:
    for call, name in calls(tree, aliases):
        if _LOADERS.fullmatch(name):
            yield call.lineno, f"{name}(…) loads an object"
        elif name == "numpy.load" and _allows_pickle(call):
            yield call.lineno, "numpy.load(…, allow_pickle=…) loads objects"
        elif _RUNNERS.fullmatch(name) and mentions(call, theirs):
            yield call.lineno, f"{name}(…) of a value that comes from the student's names"


def _allows_pickle(call: ast.Call) -> bool:
    given = [keyword.value for keyword in call.keywords if keyword.arg == "allow_pickle"] + call.args[2:3]
    return any(not (isinstance(value, ast.Constant) and value.value is False) for value in given)
