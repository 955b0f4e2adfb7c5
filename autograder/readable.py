"""Text that comes from a student's code or file, made fit for reports, tables and databases."""

from __future__ import annotations

import re

# Control characters, those that turn the direction of writing, and halves of surrogate pairs, which no file can hold.
_UNFIT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def readable(text: str, limit: int = 8_000) -> str:
    r"""`text` with what cannot be shown replaced, cut at `limit` characters.

    >>> readable("gone\x1b[2J", limit=5)
    'gone\ufffd… (8 characters)'
    """
    cut = text if len(text) <= limit else f"{text[:limit]}… ({len(text):,} characters)"
    return _UNFIT.sub("\ufffd", cut)
