"""Which names a cell's code assigns at its top level, and which it needs from outside."""

from __future__ import annotations

import ast
import builtins
import re
import symtable
from functools import lru_cache

from autograder.errors import SourceError


def assigned_names(source: str) -> set[str]:
    r"""Names that running `source` binds at the top level: assignments, definitions, imports, loop targets.

    >>> sorted(assigned_names("import os.path as p\nx, y = 1, 2\ndef f(z): w = z"))
    ['f', 'p', 'x', 'y']
    """
    return set(_names(source)[0])


def free_names(source: str) -> set[str]:
    r"""Names that `source` reads but does not bind itself, builtins aside.

    >>> sorted(free_names("import math\nrows = [math.sqrt(a) for a in values]\nassert f(rows)"))
    ['f', 'values']
    """
    return set(_names(source)[1])


@lru_cache(maxsize=4096)
def _names(source: str) -> tuple[frozenset[str], frozenset[str]]:
    """The assigned and the free names: a build asks for those of each cell many times."""
    table = _table(source)
    assigned = {s.get_name() for s in table.get_symbols() if s.is_assigned() or s.is_imported() or s.is_namespace()}
    read = {s.get_name() for s in table.get_symbols() if s.is_referenced()} | _globals_below(table)
    return frozenset(assigned), frozenset(read - assigned - set(dir(builtins)))


def _globals_below(table: symtable.SymbolTable) -> set[str]:
    names: set[str] = set()
    for child in table.get_children():
        names |= {s.get_name() for s in child.get_symbols() if s.is_global() and s.is_referenced()}
        names |= _globals_below(child)
    return names


def parsed(source: str) -> ast.Module:
    """The syntax tree of a cell's code, its magics left out; SourceError with the line when it is not Python."""
    try:
        return ast.parse(plain_python(source))
    except SyntaxError as error:
        raise SourceError(f"line {error.lineno} of the cell is not Python: {error.msg}: {error.text!r}") from error


def plain_python(source: str) -> str:
    r"""The code of a cell line by line, with IPython's magics and shell lines replaced by `pass`.

    >>> plain_python("%matplotlib inline\nx = 1")
    'pass\nx = 1'
    """
    return re.sub(r"^([ \t]*)[%!].*$", r"\1pass", source, flags=re.MULTILINE)


def _table(source: str) -> symtable.SymbolTable:
    parsed(source)
    return symtable.symtable(plain_python(source), "<cell>", "exec")
