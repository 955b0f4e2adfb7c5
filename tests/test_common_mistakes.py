"""The instructor's page of common mistakes is what the submissions and the labs say today."""

from __future__ import annotations

from pathlib import Path

from assets.write_common_mistakes import PAGE, page
from autograder.course import load_course

ROOT = Path(__file__).parents[1]


def test_the_page_is_current() -> None:
    """Written again, it is the same."""
    assert PAGE.read_text("utf-8") == page(load_course(ROOT)), "run `python assets/write_common_mistakes.py`"


def test_every_known_mistake_is_on_it() -> None:
    """Each wrong submission stands there once, with what it costs and where it is."""
    lines = [line for line in page(load_course(ROOT)).splitlines() if line.startswith("- ")]
    for path in ROOT.glob("tests/submissions/*/wrong_*.py"):
        (line,) = [line for line in lines if f"{path.parent.name}/{path.name})" in line]
        assert "*Costs " in line


def test_a_task_says_what_is_seen_and_what_to_say() -> None:
    """The section, the slip, the check's words and the first hint stand before a task's mistakes."""
    _, _, part = page(load_course(ROOT)).partition("### `code-choose`\n")
    part, _, _ = part.partition("\n### ")
    assert [
        word in part for word in ("choose among twenty runs*", "The slip: picking", "**They see:**", "**Say first:**")
    ] == [True] * 4
