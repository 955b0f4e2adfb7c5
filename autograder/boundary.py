"""What a check written for nbgrader does that only works inside the student's own process, found by reading it.

Such a check stood beside the student's code: it could see its files, its output and its classes. Here it holds
proxies, in another process. What is named here would be judged wrongly, so a person has to judge it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from autograder.calls import calls, derived, dotted, mentions
from autograder.names import parsed

_REASONS = {
    r"get_ipython": "asks IPython ({name})",
    r"open|(io|os|pathlib|glob|shutil|tempfile|subprocess)\..*": "looks at files ({name}), which lie elsewhere",
    r"pandas\.read_\w+|numpy\.(load|loadtxt|genfromtxt|fromfile)": "reads a file ({name}), which lies elsewhere",
    r"inspect\..*|dis\..*": "reads the student's source ({name})",
    r"(unittest\.)?mock\..*|.*\.(patch|setattr)|setattr|delattr": "replaces what the student's code calls ({name})",
    r"(contextlib\.)?redirect_(stdout|stderr)|warnings\..*": "watches what the student's code prints or warns ({name})",
    r"(numpy\.)?random\.(seed|set_state)|torch\.manual_seed": "sets a random state ({name}), which stays here",
    r"matplotlib\..*|seaborn\..*": "looks at pictures ({name})",
    r"globals|locals|vars|dir|eval|exec|compile|__import__|input|callable": "looks into the student's process ({name})",
}


def crossing_problems(source: str, theirs: set[str], functions: set[str], aliases: dict[str, str]) -> list[str]:
    """Why the check `source` cannot be judged outside the process where `theirs` live, as reasons; empty when it can.

    `functions` are those of `theirs` that are functions or classes; `aliases` says what imported names stand for.
    """
    tree = parsed(source)
    found = [f"uses a magic ({line.strip().split()[0]})" for line in source.split("\n") if re.match(r"\s*[%!]", line)]
    for call, name in calls(tree, aliases):
        found += [reason.format(name=name) for words, reason in _REASONS.items() if re.fullmatch(words, name)]
        found += _about_types(call, name, theirs)
    for node in ast.walk(tree):
        found += _about_node(node, theirs, aliases)
    found += _rebound(tree, theirs, functions)
    found += _changed_arguments(tree, theirs)
    return list(dict.fromkeys(found))


def _about_types(call: ast.Call, name: str, theirs: set[str]) -> Iterator[str]:
    if name in ("isinstance", "issubclass") and len(call.args) == 2 and mentions(call.args[1], theirs):
        yield f"asks for the type {ast.unparse(call.args[1])}, which is the student's own"
    if re.search(r"raises$", name, re.IGNORECASE) and any(mentions(value, {"AssertionError"}) for value in call.args):
        yield "expects an AssertionError, which here also stands for other failures"


def _about_node(node: ast.AST, theirs: set[str], aliases: dict[str, str]) -> Iterator[str]:
    if isinstance(node, ast.ExceptHandler) and node.type and mentions(node.type, {"AssertionError"}):
        yield "catches AssertionError, which here also stands for other failures"
    if isinstance(node, ast.Compare) and _is_identity(node):
        yield f"asks whether two objects are one ({ast.unparse(node)})"
    if isinstance(node, (ast.Attribute, ast.Subscript)) and not isinstance(node.ctx, ast.Load):
        root: ast.expr = node
        while isinstance(root, (ast.Attribute, ast.Subscript)):
            root = root.value
        if isinstance(root, ast.Name) and root.id in theirs | set(aliases):
            yield f"changes {ast.unparse(node)} in place"
    if isinstance(node, ast.Attribute) and node.attr.startswith("_") and mentions(node.value, theirs):
        yield f"reads {dotted(node, {})}"


def _is_identity(node: ast.Compare) -> bool:
    """Whether `node` asks if two objects are one; None, True and False are the same everywhere, and so are types."""
    if isinstance(node.left, ast.Call) and dotted(node.left.func, {}) == "type":
        return False
    return isinstance(node.ops[0], (ast.Is, ast.IsNot)) and not isinstance(node.comparators[0], ast.Constant)


def _rebound(tree: ast.AST, theirs: set[str], functions: set[str]) -> Iterator[str]:
    """Names of the student's that the check deletes or binds anew while the student's code still uses them."""
    uses = [node for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id in theirs]
    bound = [node for node in uses if not isinstance(node.ctx, ast.Load)]
    counted = {node.target.id for node in ast.walk(tree) if isinstance(node, ast.AugAssign) and node.target in bound}
    for name in sorted({node.id for node in bound}):
        first = min(node.lineno for node in bound if node.id == name)
        read = any(node.id == name and isinstance(node.ctx, ast.Load) and node.lineno <= first for node in uses)
        if (
            name in functions | counted
            or read
            or any(isinstance(node.ctx, ast.Del) for node in bound if node.id == name)
        ):
            yield f"deletes or rebinds {name}, which the student's own code would not see"


def _changed_arguments(tree: ast.Module, theirs: set[str]) -> Iterator[str]:
    """Arguments that are looked at after the call: what a function does to them does not come back."""
    results = derived(tree, theirs)
    handed: dict[str, int] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and mentions(node.func, theirs):
            for argument in [*node.args, *(keyword.value for keyword in node.keywords)]:
                if isinstance(argument, ast.Name) and argument.id not in theirs:
                    handed[argument.id] = min(handed.get(argument.id, node.lineno), node.lineno)
    for node in ast.walk(tree):
        for name in _compared(node, results):
            if name in handed and node.lineno > handed[name]:  # type: ignore[attr-defined]
                yield f"looks whether {name}, an argument, was changed in place"
    yield from (
        f"calls {ast.unparse(node.value.func)} for what it does to {argument.id}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
        if isinstance(node.value.func, ast.Name) and node.value.func.id in theirs
        for argument in node.value.args
        if isinstance(argument, ast.Name) and _read_after(tree, argument.id, node.lineno)
    )


def _compared(node: ast.AST, results: set[str]) -> Iterator[str]:
    """Names that `node` compares as they are, with anything but what the student's code gave."""
    if isinstance(node, ast.Compare):
        sides = [node.left, *node.comparators]
    elif isinstance(node, ast.Call) and "assert" in dotted(node.func, {}).lower():
        sides = node.args
    else:
        return
    if not any(mentions(side, results) for side in sides):
        yield from (side.id for side in sides if isinstance(side, ast.Name))


def _read_after(tree: ast.AST, name: str, line: int) -> bool:
    return any(
        isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Load) and node.lineno > line
        for node in ast.walk(tree)
    )
