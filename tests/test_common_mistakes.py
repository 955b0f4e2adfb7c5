"""The instructor's page of common mistakes is what the submissions and the labs say today."""

from __future__ import annotations

from pathlib import Path

import pytest

from assets.write_common_mistakes import PAGE, page
from autograder.course import load_course

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def text() -> str:
    """The page as it would be written now."""
    return page(load_course(ROOT))


def test_the_page_is_current(text: str) -> None:
    """Written again, it is the same."""
    assert PAGE.read_text("utf-8") == text, "run `python assets/write_common_mistakes.py`"


def test_every_known_mistake_is_on_it(text: str) -> None:
    """Each wrong submission stands there once, with what it costs and where it is."""
    lines = [line for line in text.splitlines() if line.startswith("- ")]
    for path in ROOT.glob("tests/submissions/*/wrong_*.py"):
        (line,) = [line for line in lines if f"{path.parent.name}/{path.name})" in line]
        assert "*Costs " in line


def test_a_task_says_what_is_seen_and_what_to_say(text: str) -> None:
    """The section, the slip, the check's words and the first hint stand before a task's mistakes."""
    part = text.partition("### `code-choose`\n")[2].partition("\n### ")[0]
    assert "choose among twenty runs*" in part
    assert "The slip: " in part
    assert part.index("**They see:**") < part.index("**Say first:**") < part.index("\n- ")
