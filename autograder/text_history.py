"""The fingerprint of a cell's text, and what changed since it was taken, if git's history of the source tells."""

from __future__ import annotations

import difflib
import hashlib
import subprocess
from pathlib import Path

import jupytext

from autograder.models import Cell

_VERSIONS = 60


def fingerprint(text: str) -> str:
    """Twelve hex digits that change with any letter of `text`.

    >>> fingerprint("Predict."), fingerprint("Predict!")
    ('5addcfe7622e', '1e433cf52020')
    """
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def changes(source: Path, cell: Cell, taken: str) -> str:
    """How `cell` differs from its text of the fingerprint `taken`, a line of the difference a line; "" when unknown."""
    old = _earlier(source, cell.id, taken)
    if old is None:
        return ""
    lines = difflib.unified_diff(old.split("\n"), cell.source.split("\n"), lineterm="", n=0)
    return "".join(f"\n    {line}" for line in lines if not line.startswith(("---", "+++", "@@")))


def _earlier(source: Path, cell_id: str, taken: str) -> str | None:
    for commit in _git(source, "log", f"--max-count={_VERSIONS}", "--format=%H", "--", source.name).split():
        text = _git(source, "show", f"{commit}:./{source.name}")
        for cell in jupytext.reads(text, fmt="py:percent").cells:
            if cell.metadata.get("id") == cell_id and fingerprint(cell.source) == taken:
                return str(cell.source)
    return None


def _git(source: Path, *words: str) -> str:
    try:
        done = subprocess.run(["git", *words], cwd=source.parent, capture_output=True, check=False)
    except FileNotFoundError:  # no git: the message does without the difference
        return ""
    return done.stdout.decode("utf-8", errors="replace")
