"""A slice holds what decides one task, and nothing else."""

from __future__ import annotations

import pytest

from autograder.audit.slice import changes_slice, checks_of, task_slice, without_demonstrations
from autograder.build import load_lab
from autograder.course import Course


def _ids(course: Course, task: str, **changes: str) -> list[str]:
    lab = load_lab(course, "words")
    return [cell.id for cell in task_slice(lab, task, {k.replace("_", "-"): v for k, v in changes.items()}).cells]


def test_a_slice_keeps_what_its_task_builds_on(course: Course) -> None:
    """`save` calls `count` and writes into the folder that the set-up cell made."""
    assert _ids(course, "results-file") == [
        "parameters",
        "imports",
        "setup",
        "code-count",
        "results-file",
        "results-file-check",
    ]


def test_a_slice_leaves_out_the_rest(course: Course) -> None:
    """A task that stands alone brings only set-up, itself and its check."""
    assert _ids(course, "code-guard") == ["parameters", "imports", "setup", "code-guard", "code-guard-check"]


def test_a_changed_task_brings_what_it_names(course: Course) -> None:
    """Names that only the changed text reads are looked up, too."""
    changed = "def first(words):\n    return next(iter(count(words)))"
    assert "code-count" in _ids(course, "code-guard", code_guard=changed)


def test_names_are_followed_through_functions_defined_later(variant) -> None:
    """A function may read a name that a later cell assigns, as long as it is called after that."""
    helper = '# %% id="helper"\ndef shout(word):\n    return word.upper().lower()\n\n\n# %% id="code-guard-check"'
    course = variant(("    return words[0]", "    return shout(words[0])"), ('# %% id="code-guard-check"', helper))
    assert "helper" in _ids(course, "code-guard")


def test_what_was_changed_is_met_by_every_check_that_it_reaches(course: Course) -> None:
    """The check of what builds on a change is among them; one of a task that stands alone is not."""
    lab = load_lab(course, "words")
    reached = [cell.id for cell in changes_slice(lab, {"code-count": "count = len"}).with_role("check")]
    assert reached == ["code-count-check", "results-file-check"]
    alone = [cell.id for cell in changes_slice(lab, {"code-guard": "first = min"}).with_role("check")]
    assert alone == ["code-guard-check"]


@pytest.mark.parametrize(
    ("header", "reader", "left_out"),
    [("", "1", ["bars"]), (" prepares=true", "1", []), ("", "len(bars)", [])],
    ids=["shown", "prepares", "read"],
)
def test_what_only_shows_something_is_left_out(variant, header: str, reader: str, left_out: list[str]) -> None:
    """Every graded cell stays, in order, and what one of them reads; a picture goes, unless it prepares something."""
    shown = f'# %% id="bars"{header}\nbars = ["#"]\n\n\n# %% id="code-guard-check"'
    course = variant(("return words[0]", f"return words[{reader} - 1]"), ('# %% id="code-guard-check"', shown))
    lab = load_lab(course, "words")
    left = without_demonstrations(lab)
    assert left.cells == tuple(cell for cell in lab.cells if cell.id not in left_out)
    assert without_demonstrations(lab, {"code-guard": "print(bars)"}).cells == lab.cells


def test_checks_of_names_every_check_of_a_task(course: Course) -> None:
    """The cells that judge a task, in order."""
    assert [cell.id for cell in checks_of(load_lab(course, "words"), "code-count")] == ["code-count-check"]
