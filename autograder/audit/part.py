"""What one part of the audit found out about a module."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Part:
    """The part's entries in the audit's JSON, and what is wrong, a sentence each; none when all is well."""

    record: dict[str, Any]
    problems: tuple[str, ...] = ()
