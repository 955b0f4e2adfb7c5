"""Finds secrets where none may be: in code, notebooks, logs and commits.

It knows shapes: a password that stands alone looks like any word, and is not found.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from lib.governance.people import PREFIX

SHAPES = {
    "a key of the model server": rf"{PREFIX}_[0-9a-f]{{8}}_[A-Za-z0-9_-]{{43}}",
    "a signed token": r"eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{20,}",
    "a private key": r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----\s*[A-Za-z0-9+/=]{20,}",
    "an AWS key": r"A(?:KIA|SIA)[0-9A-Z]{16}\b",
    "a GitHub token": r"g(?:h[pousr]_[A-Za-z0-9]{36,}|ithub_pat_[A-Za-z0-9_]{60,})",
    "a Slack token": r"xox[abprs]-[A-Za-z0-9-]{20,}",
    "a Google key": r"AIza[0-9A-Za-z_-]{35}\b",
    "a password in an address": r"://[^\s/:@\"'{}$]*:(?P<value>[^\s/@\"'{}$<>]{8,})@",
    "an assigned secret": r"(?:[Ss]ecret|SECRET|[Tt]oken|TOKEN|[Pp]assword|PASSWORD|[Aa]pi_?[Kk]ey|API_?KEY)\w*[\"']?"
    r"\s*[:=]\s*[\"'](?P<value>[^\s\"'{}$<>]{20,})[\"']",
}
LEAST_BITS, LEAST_SHARE = 3.5, 0.7
"""A letter of a random text has more entropy than that; words and placeholders have less. A short text cannot have as
much, by chance or at all: there this share of what its length allows is asked."""
_SHAPES = {kind: re.compile(shape) for kind, shape in SHAPES.items()}


@dataclass(frozen=True)
class Leak:
    """What kind of secret stands in which line; `shown` is a few letters of it, so that a report leaks none."""

    kind: str
    line: int
    shown: str
    value: str

    def __str__(self) -> str:
        return f"line {self.line} holds {self.kind} ({self.shown}…)"

    __repr__ = __str__


def find_leaks(text: str) -> Iterator[Leak]:
    """Everything in `text` that has the shape of a secret and looks random: enough entropy, letters and a digit.

    >>> list(find_leaks("token = 'put-your-token-here-please'"))
    []
    """
    for kind, shape in _SHAPES.items():
        for found in shape.finditer(text):
            value = found.groupdict().get("value") or found.group()
            least = min(LEAST_BITS, LEAST_SHARE * math.log2(len(value)))
            if _bits(value) >= least and re.search(r"\d", value) and re.search(r"[A-Za-z]", value):
                yield Leak(kind, text.count("\n", 0, found.start()) + 1, value[:6], value)


def _bits(text: str) -> float:
    """Shannon's entropy of a letter of `text`."""
    return -sum(count / len(text) * math.log2(count / len(text)) for count in Counter(text).values())
