"""A second language: the same code, and for each markdown cell a text that knows which English it was made from.

`solutions/<language>/<notebook>.py` is a percent file of markdown cells. A header names the cell that is translated and
the fingerprint of the English text; when that changes, the translation is stale and the build says so. One code serves
all languages, so what code holds stays English: comments, the labels of pictures, the messages of checks. So do the
cells that a student writes a text into, which the grader knows by their stub.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import jupytext
from pydantic import BaseModel, ConfigDict, ValidationError

from autograder.errors import SourceError
from autograder.models import Cell, Lab
from autograder.source import BEGIN_HIDDEN, BEGIN_SOLUTION, header_lines, header_values
from autograder.text_history import changes, fingerprint

_CODE = re.compile(r"^```.*?^```|(?<!`)(`+)(?!`).+?(?<!`)\1(?!`)", re.DOTALL | re.MULTILINE)
_OPTION = re.compile(r"\*\*([A-Z])\*\*")
_COMMENT, _COMMENT_BEGINS = "<!-- English now:\n{}\n-->\n", "<!-- English now:"


class _Header(BaseModel):
    """What may stand on a translated cell's `# %%` line; anything else is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    source: str = ""
    todo: Literal["", "new", "changed"] = ""


@dataclass(frozen=True)
class Text:
    """A translated cell: `source` is the fingerprint of its English text, `todo` why it is not yet fit to be built."""

    id: str
    source: str
    todo: str
    text: str
    line: int


@dataclass(frozen=True)
class Draft:
    """A translation file that says what is to be done; ids by what became of their texts."""

    content: str
    current: tuple[str, ...]
    new: tuple[str, ...]
    changed: tuple[str, ...]
    dropped: tuple[str, ...]


def translated(lab: Lab, path: Path) -> Lab:
    """`lab` with the texts of the file at `path`; SourceError names each cell whose text is missing, stale or unfit."""
    if not path.exists():
        raise SourceError(f"{_short(path)} does not exist; {_draft_command(lab, path)} begins it")
    texts = read_texts(path)
    if found := [*_problems(lab, texts, path)]:
        raise SourceError("\n".join([*found, f"{_draft_command(lab, path)} puts what is to be done into the file"]))
    by_id = {text.id: text.text for text in texts}
    return replace(lab, cells=tuple(replace(cell, source=by_id.get(cell.id, cell.source)) for cell in lab.cells))


def drafted(lab: Lab, path: Path) -> Draft:
    """The file at `path` brought up to the English of `lab`: current texts kept, the others marked with `todo=`.

    A new cell holds the English to write over; of a changed one the English stands above the old translation. The text
    of a cell that only got another id moves along; that of a cell that is gone is dropped.
    """
    have = {text.id: text for text in read_texts(path)} if path.exists() else {}
    wanted = _to_translate(lab)
    orphans = {text.source: text for text in have.values() if text.id not in {cell.id for cell in wanted}}
    blocks: list[str] = []
    states: dict[str, list[str]] = {"current": [], "new": [], "changed": []}
    for cell in wanted:
        now = fingerprint(cell.source)
        state, body = _draft_of(cell, have.get(cell.id) or orphans.pop(now, None), now)
        todo = "" if state == "current" else f' todo="{state}"'
        blocks.append(f'# %% [markdown] id="{cell.id}" source="{now}"{todo}\n{_commented(body)}\n')
        states[state].append(cell.id)
    return Draft(
        "\n".join(blocks),
        current=tuple(states["current"]),
        new=tuple(states["new"]),
        changed=tuple(states["changed"]),
        dropped=tuple(text.id for text in orphans.values()),
    )


def read_texts(path: Path) -> tuple[Text, ...]:
    """The cells of a translation file, in its order; SourceError for anything but markdown with the right header."""
    content = path.read_text("utf-8")
    texts = []
    lines = header_lines(content)
    for raw, line in zip(jupytext.reads(content, fmt="py:percent").cells, lines, strict=True):
        where = f"{_short(path)}:{line}"
        if raw.cell_type != "markdown":
            raise SourceError(f"{where}: a translation holds markdown cells only, and this is {raw.cell_type}")
        try:
            header = _Header.model_validate(header_values(raw.metadata))
        except ValidationError as error:
            problems = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
            raise SourceError(f"{where}: cell header: {problems}") from error
        texts.append(Text(header.id, header.source, header.todo, raw.source, line))
    return tuple(texts)


def _to_translate(lab: Lab) -> list[Cell]:
    return [cell for cell in lab.cells if cell.kind == "markdown" and cell.role == "plain"]


def _draft_of(cell: Cell, text: Text | None, now: str) -> tuple[str, str]:
    """What is to be done for `cell`, and what its draft holds."""
    untouched = text is not None and text.todo == "new" and fingerprint(text.text) == text.source
    if text is None or untouched:
        return "new", cell.source
    if text.source != now:
        return "changed", _COMMENT.format(cell.source) + _without_comment(text.text)
    return text.todo or "current", text.text


def _problems(lab: Lab, texts: tuple[Text, ...], path: Path) -> Iterator[str]:
    wanted, seen = {cell.id: cell for cell in _to_translate(lab)}, dict[str, int]()
    for text in texts:
        where = f"{_short(path)}:{text.line}: {text.id!r}"
        if text.id in seen:
            yield f"{where} is translated already on line {seen[text.id]}; keep one of the two"
        elif text.id in wanted:
            yield from (f"{where} {reason}" for reason in _faults(lab, wanted[text.id], text))
        elif any(cell.id == text.id for cell in lab.cells):
            yield f"{where} is code, or a text that students write: it stays as it is; take the cell out"
        else:
            yield f"{where} is no cell of {lab.module}.py; write the id that it has there, or take it out"
        seen.setdefault(text.id, text.line)
    for cell in wanted.values():
        if cell.id not in seen:
            yield f"{_short(path)} has no text for {cell.id!r} ({lab.at(cell)}); translate it"


def _faults(lab: Lab, cell: Cell, text: Text) -> Iterator[str]:
    now = fingerprint(cell.source)
    if text.source != now:
        yield (
            f"was made from another English text than stands in {lab.at(cell)}. "
            f'Bring it up to date, then write source="{now}"{changes(Path(lab.path), cell, text.source)}'
        )
    elif text.todo:
        yield f'is still to be translated; when it is, take todo="{text.todo}" out of the header'
    else:
        yield from _unlike(cell.source, text.text)


def _unlike(english: str, text: str) -> Iterator[str]:
    """Why `text` could not be a translation of `english`: other code, other letters to answer with, marks left in."""
    ours, theirs = _code(english), _code(text)
    if lost := [span for span in ours if span not in theirs]:
        yield f"lacks code of the English text: {', '.join(lost)}; code is not translated"
    if added := [span for span in theirs if span not in ours]:
        yield f"has code that the English text lacks: {', '.join(added)}; write what stands there"
    if (have := _OPTION.findall(text)) != (letters := _OPTION.findall(english)):
        yield f"offers the letters {' '.join(have) or '(none)'} and the English text {' '.join(letters) or '(none)'}"
    if marks := [mark for mark in (BEGIN_SOLUTION, BEGIN_HIDDEN, _COMMENT_BEGINS) if mark in text]:
        yield f"holds {marks[0]!r}, and the build takes nothing out of a translation; take it out"


def _code(text: str) -> list[str]:
    return [" ".join(match.group().split()) for match in _CODE.finditer(text)]


def _commented(text: str) -> str:
    return "\n".join(f"# {line}" if line else "#" for line in text.split("\n"))


def _without_comment(text: str) -> str:
    return re.sub(r"^<!-- English now:\n.*?\n-->\n", "", text, flags=re.DOTALL)


def _short(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


def _draft_command(lab: Lab, path: Path) -> str:
    return f"`autograder build --lang {path.parent.name} --draft {lab.module}`"
