"""The ML Test Score of this repository: 28 items in four sections, each with the tests that prove it; `make score`."""

from __future__ import annotations

import json
import sys
import tomllib
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

ROOT = Path(__file__).resolve().parents[1]
DECLARED = Path(__file__).with_suffix(".toml")
# Where pytest keeps the ids of tests that failed when they last ran.
FAILED = Path(".pytest_cache/v/cache/lastfailed")
MEANING = (
    (0, "a research project rather than a system in production"),
    (1, "not untested, but look for serious holes"),
    (2, "a first pass; more work may be needed"),
    (3, "reasonably tested; more of it may be automated"),
    (5, "strong automated tests and monitoring"),
    (7, "exceptional"),
)
"""What a score up to the number says of a system; the steps are the paper's."""


class Item(BaseModel):
    """What one item asks for, and exactly one of: tests that prove it, a person's document, or what is missing."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    asks: str = Field(min_length=1)
    proof: tuple[str, ...] = ()
    manual: str = ""
    open: str = ""

    @model_validator(mode="after")
    def _one_answer(self) -> Item:
        given = [name for name in ("proof", "manual", "open") if getattr(self, name)]
        if len(given) != 1:
            raise ValueError(f"{self.asks!r} states {', '.join(given) or 'nothing'}; state one of proof, manual, open.")
        return self

    def failed(self, failures: frozenset[str]) -> list[str]:
        """Its tests that failed when they last ran; a test fails when it does for one of its parameters."""
        return [test for test in self.proof if any(each.partition("[")[0] == test for each in failures)]

    def points(self, failures: frozenset[str]) -> float:
        """1 when tests prove it and none failed, 0.5 when a person does, else 0."""
        if self.proof:
            return 0.0 if self.failed(failures) else 1.0
        return 0.5 if self.manual else 0.0


Section = Annotated[tuple[Item, ...], Field(min_length=7, max_length=7)]


class Declared(BaseModel):
    """The four sections of the score, seven items each, in the paper's order."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    data: Section
    model: Section
    infrastructure: Section
    monitoring: Section

    @property
    def sections(self) -> dict[str, tuple[Item, ...]]:
        return {name: getattr(self, name) for name in type(self).model_fields}

    def points(self, failures: frozenset[str] = frozenset()) -> dict[str, float]:
        """The sum of each section."""
        return {name: sum(item.points(failures) for item in items) for name, items in self.sections.items()}


def read_declared(path: Path = DECLARED) -> Declared:
    """The items of the file `path`; a misspelt key, or an item that states two things, is an error."""
    return Declared.model_validate(tomllib.loads(path.read_text("utf-8")))


def read_failures(root: Path) -> frozenset[str]:
    """The ids of tests that failed when they last ran in `root`; none where no test has failed, or none has run."""
    try:
        return frozenset(json.loads((root / FAILED).read_text("utf-8")))
    except FileNotFoundError:
        return frozenset()


def meaning(score: float) -> str:
    """What the paper says of a system with this score.

    >>> meaning(0.5), meaning(5.0)
    ('not untested, but look for serious holes', 'strong automated tests and monitoring')
    """
    return next(words for limit, words in MEANING if score <= limit)


def table(declared: Declared, failures: frozenset[str]) -> str:
    """Every item with its points and what they stand on, the sum of each section, and the least of the sums."""
    lines, sums = [], declared.points(failures)
    for name, items in declared.sections.items():
        lines.append(f"{name.capitalize()}: {sums[name]:g} of 7")
        for number, item in enumerate(items, start=1):
            lines.append(f"  {number}  {item.points(failures):<4g}{item.asks}")
            lines += [f"         {line}" for line in _grounds(item, failures)]
        lines.append("")
    least = min(sums.values())
    lines.append(f"{' · '.join(f'{name} {points:g}' for name, points in sums.items())}")
    lines.append(f"ML Test Score {least:g}, the least of the four: {meaning(least)}")
    return "\n".join(lines)


def _grounds(item: Item, failures: frozenset[str]) -> list[str]:
    failed = item.failed(failures)
    if item.proof:
        return [f"{test} FAILED when it last ran" if test in failed else test for test in item.proof]
    return [f"manual: {item.manual}" if item.manual else f"open: {item.open}"]


def main() -> int:
    """Print the table; no test is run for it."""
    print(table(read_declared(), read_failures(ROOT)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
