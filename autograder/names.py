"""Which names a cell's code assigns at its top level, and which it needs from outside."""

from __future__ import annotations

import ast
import builtins
import symtable

from autograder.errors import SourceError


def assigned_names(source: str) -> set[str]:
    r"""Names that running `source` binds at the top level: assignments, definitions, imports, loop targets.

    >>> sorted(assigned_names("import os.path as p\nx, y = 1, 2\ndef f(z): w = z"))
    ['f', 'p', 'x', 'y']
    """
    table = _table(source)
    return {s.get_name() for s in table.get_symbols() if s.is_assigned() or s.is_imported() or s.is_namespace()}


def free_names(source: str) -> set[str]:
    r"""Names that `source` reads but does not bind itself, builtins aside.

    >>> sorted(free_names("import math\nrows = [math.sqrt(a) for a in values]\nassert f(rows)"))
    ['f', 'values']
    """
    table = _table(source)
    found = {s.get_name() for s in table.get_symbols() if s.is_referenced()} | _globals_below(table)
    return found - assigned_names(source) - set(dir(builtins))


def _globals_below(table: symtable.SymbolTable) -> set[str]:
    names: set[str] = set()
    for child in table.get_children():
        names |= {s.get_name() for s in child.get_symbols() if s.is_global() and s.is_referenced()}
        names |= _globals_below(child)
    return names


def code_of(source: str) -> str:
    """`source` as plain Python of as many lines: IPython's own lines do nothing."""
    return "\n".join("pass" if line.lstrip().startswith(("%", "!")) else line for line in source.split("\n"))


def _table(source: str) -> symtable.SymbolTable:
    code = code_of(source)
    try:
        ast.parse(code)
        return symtable.symtable(code, "<cell>", "exec")
    except SyntaxError as error:
        raise SourceError(f"line {error.lineno} of the cell is not Python: {error.msg}: {error.text!r}") from error
