"""Whom a request to be forgotten is about, and how one is recognised in tables, texts and pseudonyms."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from lib.errors import PrivacyError
from lib.governance.privacy_find import KINDS, REGIONS, find, one_spelling, replace
from lib.governance.privacy_pseudonyms import PseudonymKeys
from lib.governance.privacy_scan import NAMED_KINDS

ERASED = "[erased]"


@dataclass(frozen=True)
class Person:
    """One person by what nobody else has; nothing of it is shown.

    `values` are the identifiers as they were given, `spellings` the one form in which each is compared, `pseudonyms`
    what stands for them in data that was made safe.
    """

    values: frozenset[str] = field(repr=False)
    spellings: frozenset[str] = field(repr=False)
    pseudonyms: frozenset[str] = field(repr=False)
    regions: tuple[str, ...] = REGIONS

    def owns(self, value: Any) -> bool:
        """Whether a cell is an identifier of this person, in whatever spelling, or a pseudonym of one."""
        if value is None or isinstance(value, (bool, float)):
            return False
        text = str(value).strip()
        # A text that only mentions somebody is not theirs.
        return text in self.pseudonyms or self.without(text).strip("<>()\"'., ") == ERASED

    def mentioned(self, text: str) -> bool:
        """Whether an identifier or a pseudonym of this person stands anywhere in a text."""
        return self.without(text) != text

    def without(self, text: str) -> str:
        """A text with `[erased]` in place of each identifier and pseudonym of this person; others stay."""
        kept = replace(
            text,
            lambda found: ERASED if found.value in self.spellings else text[found.start : found.end],
            regions=self.regions,
        )
        return self._words.sub(ERASED, kept)

    @cached_property
    def _words(self) -> re.Pattern[str]:
        """What `find` does not know: ids of a system's own, and pseudonyms."""
        own = {value for value in self.values if len(find(value, regions=self.regions)) != 1}
        known = sorted({*own, *self.pseudonyms}, key=len, reverse=True)
        # Without any: what matches nothing.
        return re.compile(rf"(?<![\w.@+-])(?:{'|'.join(map(re.escape, known)) or '(?!)'})(?![\w@-])", re.IGNORECASE)


def person(
    identifiers: Iterable[str], *, keys: PseudonymKeys | None = None, regions: Sequence[str] = REGIONS
) -> Person:
    """The person to whom all of `identifiers` belong: addresses, numbers, ids; `keys` let pseudonyms be recognised.

    Raises PrivacyError for none, and for one without a digit or an @: a name is shared by many, and who erases by it
    erases others.

    >>> anna = person(["anna@example.com", "0912 345 678"])
    >>> anna.owns("+84 912 345 678"), anna.without("ask anna@example.com or bo@example.com")
    (True, 'ask [erased] or bo@example.com')
    """
    values = frozenset(value.strip() for value in identifiers)
    if not values or not all(re.search(r"[@\d]", value) and len(value) > 3 for value in values):
        raise PrivacyError(
            "a person is told by what nobody else has: an address, a number or an id of at least four characters with "
            "a digit or an @ in it. Names are not enough; give such identifiers."
        )
    spellings = frozenset(one_spelling(value, regions=regions) for value in values)
    kinds = {*KINDS, *NAMED_KINDS, "personal"}
    pseudonyms = frozenset[str]().union(
        *(keys.every_pseudonym(value, kind=kind, regions=regions) for value in values for kind in kinds if keys)
    )
    return Person(values, spellings, pseudonyms, tuple(regions))
