"""Strict readers of gradebook imports, written after those of the systems themselves.

Canvas: `GradebookImporter` of instructure/canvas-lms (app/models/gradebook_importer.rb). Moodle:
`gradeimport_csv_load_data` (grade/import/csv/classes/load_data.php) with `csv_import_reader` (lib/csvlib.class.php),
and docs.moodle.org/en/Grade_import. Each raises where the original refuses the file, or would do what nobody wanted.
"""

from __future__ import annotations

import csv
import re
from pathlib import Path

_CANVAS_INFO = ["Student", "ID", "SIS User ID", "SIS Login ID", "Section"]
_CANVAS_OWN = re.compile("(Current|Final) (Score|Points|Grade)|Override (Score|Grade|Status)")
_CANVAS_NUMBER = re.compile(r"^-?[0-9.,]+%?$")
MOODLE_MOST = 100  # gradepointmax: one grade above it and the whole file is refused


class RefusedError(Exception):
    """The system would not take the file."""


def read_canvas(path: Path, logins: dict[str, str]) -> tuple[dict[str, float], dict[str, dict[str, str]]]:
    """Points possible by assignment, and each user's grades; `logins` are Canvas' users, by SIS login id."""
    head, *lines = _rows(path)
    _want(head[:5] == _CANVAS_INFO, f"Invalid header row {head[:5]}")
    assignments = head[5:]
    for title in assignments:
        _want(head.count(title) == 1, f"{title!r} stands there twice: both columns are read from the first")
        _want(not _CANVAS_OWN.search(title), f"{title!r} is one of Canvas' own columns and would be ignored")
        _want(not re.search(r"\(\d+\)$", title), f"{title!r} would be taken for another assignment's number")
    possible: dict[str, float] = {}
    grades: dict[str, dict[str, str]] = {}
    for line in lines:
        cells = dict(zip(assignments, line[5:], strict=True))
        if "Points Possible" in line[0]:
            _want(not possible, "two rows of points possible")
            possible = {title: float(cell) for title, cell in cells.items()}
            continue
        _want(line[3] in logins, f"no user {line[3]!r}: Canvas would ask whom {line[0]!r} is")
        for cell in cells.values():
            _want(cell == "" or bool(_CANVAS_NUMBER.match(cell)), f"{cell!r} is no grade")
        grades[logins[line[3]]] = {title: _canvas_number(cell) for title, cell in cells.items()}
    return possible, grades


def read_moodle(path: Path, users: dict[str, str], column: str) -> dict[str, dict[str, float | None]]:
    """Each user's grades; `users` are Moodle's, by what stands in `column`, as the form's “Map from” names it."""
    head, *lines = _rows(path)
    _want(len(set(head)) == len(head), f"two columns of one name: {head}")
    key = head.index(column)
    about = sum(name in ("username", "idnumber", "email") for name in head)
    grades: dict[str, dict[str, float | None]] = {}
    for line in lines:
        # Moodle passes over an empty cell here and gives the line's grades to the user of the line before.
        _want(line[key] != "", f"no {column} in {line}: the grades would go to somebody else")
        _want(line[key] in users, f"User mapping error: could not find user with {column} of {line[key]!r}")
        found = {title: _moodle_grade(cell) for title, cell in zip(head[about:], line[about:], strict=True)}
        grades[users[line[key]]] = found
    return grades


def _moodle_grade(cell: str) -> float | None:
    """A new grade item takes what stands there as it is; “-” alone says that there is no grade."""
    if cell == "-":
        return None
    _want(bool(re.fullmatch(r"\d+(\.\d+)?", cell)), f"{cell!r} is no grade")
    _want(float(cell) <= MOODLE_MOST, f"a grade may not exceed {MOODLE_MOST}")
    return float(cell)


def _canvas_number(cell: str) -> str:
    """A comma or a point is a decimal one when it is the last; those before it go."""
    whole = re.split(r"[,.]", cell)
    return ".".join(("".join(whole[:-1]), whole[-1])) if len(whole) > 1 else cell


def _rows(path: Path) -> list[list[str]]:
    text = path.read_bytes().decode("utf-8", errors="strict")
    _want(not text.startswith("\ufeff"), "a byte-order mark becomes part of the first column's name")
    rows = list(csv.reader(text.splitlines(keepends=True), strict=True))
    _want(len(text.splitlines()) == len(rows), "a cell goes over several lines")
    _want({len(row) for row in rows} == {len(rows[0])}, "Import failed: lines of unequal length")
    return [[cell.strip() for cell in row] for row in rows]


def _want(holds: bool, words: str) -> None:
    if not holds:
        raise RefusedError(words)
