"""Known submissions: what a course says of them is what the grader finds."""

from __future__ import annotations

import re

import pytest

from autograder.audit.hostile import audit_hostile
from autograder.audit.known import audit_known
from autograder.build import load_lab
from autograder.errors import GraderError

EMPTY = '# %% id="code-count"\ndef count(text):\n    return {}\n'
ODD = """# %% id="code-count"
def count(text):
    found = dict(Counter(text.split()))
    return {} if found.get("w0", 0) % 2 else found
"""
LOOPS = '# %% id="code-count"\ndef count(text):\n    return {word: text.split().count(word) for word in text.split()}\n'


def test_everything_is_as_it_says(variant) -> None:
    """Solution full, blank nothing, a wrong answer loses where it says, an alternative keeps everything."""
    course = variant(wrong_empty=f"# Counts nothing.\n# loses: code, results\n{EMPTY}", alt_loops=f"# Slow.\n{LOOPS}")
    part = audit_known(course, load_lab(course, "words"))
    assert part.problems == ()
    full = {"theory": 3, "code": 4, "results": 2, "report": 0, "pending": 1, "total": 9}
    assert part.record["solution"] == full
    assert set(part.record["blank"].values()) == {0}
    assert part.record["wrong"]["empty"] == full | {"code": 2, "results": 0, "total": 5, "ok": True}
    assert part.record["alt"]["loops"] == full | {"ok": True}


def test_what_differs_is_said(variant) -> None:
    """A wrong answer that keeps its points or loses others, and an alternative that loses, are each a problem."""
    course = variant(
        wrong_harmless=f"# Slow.\n# loses: code\n{LOOPS}",
        wrong_elsewhere=f"# Counts nothing.\n# loses: code\n{EMPTY}",
        alt_empty=f"# Counts nothing.\n{EMPTY}",
    )
    part = audit_known(course, load_lab(course, "words"))
    assert not any(entry["ok"] for kind in ("wrong", "alt") for entry in part.record[kind].values())
    elsewhere, harmless, empty = part.problems
    assert elsewhere.startswith("words/wrong_elsewhere loses points of results, where it should keep all: results-file")
    keeps = "words/wrong_harmless keeps all points of code, where it should lose"
    assert harmless == f"{keeps} (so with the hidden inputs of 1 of 1 students)"
    assert empty.startswith("words/alt_empty loses points of code, results")


def test_a_mistake_that_only_some_students_pay_for_is_found(variant) -> None:
    """The check draws its words for each student; this mistake shows where an odd number of them is `w0`."""
    course = variant(wrong_odd=f"# loses: code\n# may lose: results\n{ODD}")
    one, many = (audit_known(course, load_lab(course, "words"), students=number) for number in (1, 8))
    with pytest.raises(GraderError, match="0 students"):
        audit_known(course, load_lab(course, "words"), students=0)
    (problem,) = many.problems
    assert re.search(r"wrong_odd keeps all points of code, .* inputs of [1-7] of 8 students", problem)
    assert one.problems == ()


def test_a_wrong_answer_must_say_where_it_loses(variant) -> None:
    """Without its line `# loses:` nothing could be checked, and a misspelt rubric line is named."""
    silent = variant(wrong_empty=EMPTY)
    with pytest.raises(GraderError, match="does not say where it loses"):
        audit_known(silent, load_lab(silent, "words"))
    (silent.root / "known" / "words" / "wrong_empty.py").write_text(f"# loses: coed\n{EMPTY}")
    with pytest.raises(GraderError, match="loses coed"):
        audit_known(silent, load_lab(silent, "words"))


def test_a_hostile_case_must_gain_nothing(course) -> None:
    """On a blank lab an exit earns nothing; a right answer does, and is told."""
    cases = {"exits": {"code-count": "import os\nos._exit(0)"}, "honest": {"theory-rare": 'theory_rare = "A"'}}
    part = audit_hostile(course, load_lab(course, "words"), cases)
    assert part.record["hostile"] == {"exits": {"gained": 0, "ok": True}, "honest": {"gained": 1, "ok": False}}
    assert part.problems == ("hostile honest gains 1 points",)
