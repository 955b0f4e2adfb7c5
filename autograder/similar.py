"""Pairs of students whose answers are alike: a hint where to look and ask, never a verdict, never points.

Passages that many share are set aside first, as Moss does (its `-m`, ten by default; Schleimer, Wilkerson and Aiken,
“Winnowing”, SIGMOD 2003): only pairs that share rarer ones are compared, so that the work grows with the class and not
with its pairs. How many tasks a pair would share by chance is told from the class itself.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations

from rapidfuzz.distance import Indel

from autograder.models import Lab
from autograder.names import plain_python

MIN_TOKENS = 25  # shorter answers look alike whoever writes them
MAX_TOKENS = 4_000
ALIKE = 0.8
CHANCE = 0.05
_GRAM = 5  # tokens of a passage
_PASSAGES = 5  # rare ones that two texts must share to be compared
_COMMON = 10
_WORD = re.compile(r"\w+|[^\w\s]")
_LAYOUT = {
    tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER,
}  # fmt: skip


@dataclass(frozen=True)
class Alike:
    """A task in which two texts are alike: `share` is 1 when they are the same, local names and layout aside."""

    module: str
    cell: str
    share: float


@dataclass(frozen=True)
class Pair:
    """Two students and the tasks in which they are alike; chance gives `expected` pairs of the class as many."""

    students: tuple[str, str]
    tasks: tuple[Alike, ...]
    expected: float


@dataclass(frozen=True)
class Similar:
    """The pairs that share more than chance gives, of all the class's; `usual` is what a pair shares on average."""

    pairs: tuple[Pair, ...] = ()
    tasks: int = 0
    all_pairs: int = 0
    usual: float = 0


@dataclass
class Answers:
    """The answers of a class, each task's as strings with one character a token."""

    _tasks: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)
    _vocabulary: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)
    _students: set[str] = field(default_factory=set)

    def add(self, student: str, lab: Lab, texts: dict[str, str], stubs: dict[str, str]) -> None:
        """What `student` wrote into the cells of `lab`, by id; `stubs` are the texts that were given out."""
        self._students.add(student)
        for cell in (*lab.with_role("task"), *lab.with_role("written")):
            text, stub = texts.get(cell.id, ""), stubs.get(cell.id, "")
            if text.strip() == stub.strip() or len(text) < MIN_TOKENS:
                continue
            found = words(text, stub, code=cell.kind == "code")
            if len(found) >= MIN_TOKENS:
                task = lab.module, cell.id
                letters = self._vocabulary.setdefault(task, {})
                encoded = "".join(letters.setdefault(word, chr(min(len(letters), 0x10FFFF))) for word in found)
                self._tasks.setdefault(task, {})[student] = encoded

    def similar(self) -> Similar:
        """The pairs that are alike in more tasks than chance gives a class like this one, the least likely first."""
        alike: dict[tuple[str, str], list[Alike]] = {}
        chances = []
        for (module, cell), texts in self._tasks.items():
            found = list(_alike(texts))
            for pair, share in found:
                alike.setdefault(pair, []).append(Alike(module, cell, share))
            chances.append(len(found) / max(1, _pairs(len(texts))))
        all_pairs = _pairs(len(self._students))
        tail = at_least(chances)
        pairs = [Pair(who, tuple(tasks), all_pairs * tail[len(tasks)]) for who, tasks in alike.items()]
        unlikely = [pair for pair in pairs if pair.expected <= CHANCE]
        unlikely.sort(key=lambda pair: (pair.expected, -sum(task.share for task in pair.tasks), pair.students))
        return Similar(tuple(unlikely), len(self._tasks), all_pairs, sum(chances))


def at_least(chances: Sequence[float]) -> list[float]:
    """The chance that k or more of independent events happen, for k from 0 to all (the Poisson–binomial's tail).

    >>> at_least([0.5, 0.5])
    [1.0, 0.75, 0.25]
    """
    exactly = [1.0]
    for chance in chances:
        longer = [0.0, *exactly]
        exactly = [so * (1 - chance) + before * chance for so, before in zip([*exactly, 0.0], longer, strict=True)]
    return [sum(exactly[k:]) for k in range(len(exactly))]


def words(text: str, stub: str, *, code: bool) -> list[str]:
    r"""The tokens of an answer without the lines that were given out; local names and layout do not count.

    >>> words("def area(side):\n    found = side*3  # thrice\n    return found", "def area(side):\n    pass", code=True)
    ['·', '=', '·', '*', '3', 'return', '·']
    """
    given = {line.strip() for line in stub.splitlines()}
    if not code:
        lines = (line.casefold() for line in text.splitlines() if line.strip() not in given)
        return _WORD.findall("\n".join(lines))[:MAX_TOKENS]
    try:
        return list(_tokens(plain_python(text), given))[:MAX_TOKENS]
    except (SyntaxError, ValueError, tokenize.TokenError, RecursionError, MemoryError):
        return _WORD.findall(text)[:MAX_TOKENS]  # no Python: as it stands


def _tokens(text: str, given: set[str]) -> Iterator[str]:
    with warnings.catch_warnings(action="ignore"):  # of escape sequences, say: the student's own
        lines, local = text.split("\n"), _local_names(ast.parse(text))
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type in _LAYOUT or lines[token.start[0] - 1].strip() in given:
            continue
        if token.type == tokenize.STRING:
            yield from _WORD.findall(token.string)  # a whole Dockerfile may stand in one
        else:
            yield "·" if token.string in local else token.string


def _local_names(tree: ast.Module) -> set[str]:
    """Arguments, and names that functions assign: everybody calls them differently."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
    inside = [each for node in ast.walk(tree) if isinstance(node, kinds) for each in ast.walk(node)]
    stored = {node.id for node in inside if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    return stored | {node.arg for node in inside if isinstance(node, ast.arg)}


def _alike(texts: dict[str, str]) -> Iterator[tuple[tuple[str, str], float]]:
    """The pairs of students whose `texts` share rare passages and are alike as a whole, with their share."""
    bearers: dict[str, list[str]] = {}
    for student, text in sorted(texts.items()):
        for passage in {text[start : start + _GRAM] for start in range(len(text) - _GRAM + 1)}:
            bearers.setdefault(passage, []).append(student)
    most = min(_COMMON, max(2, len(texts) // 5))
    rare: Iterable[list[str]] = (students for students in bearers.values() if len(students) <= most)
    shared = Counter(pair for students in rare for pair in combinations(students, 2))
    for pair, passages in shared.items():
        if passages >= _PASSAGES:
            share = Indel.normalized_similarity(texts[pair[0]], texts[pair[1]], score_cutoff=ALIKE)
            if share:
                yield pair, share


def _pairs(size: int) -> int:
    return size * (size - 1) // 2
