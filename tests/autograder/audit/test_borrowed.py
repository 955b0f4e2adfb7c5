"""Borrowed answers: whatever students can import from the course is tried in place of a task."""

from __future__ import annotations

from pathlib import Path

from autograder.audit.audit import Scope, audit_module
from autograder.audit.borrowed import given_callables
from autograder.course import Course, load_course

GUARD = """def first(words):
    \"\"\"The first word; an empty list is a ValueError that says so.\"\"\"
    ### BEGIN SOLUTION
    if not words:
        raise ValueError("no words to take the first of")
    return words[0]
    ### END SOLUTION"""
DEMAND = """def first(words, message):
    \"\"\"Refuse anything but True.\"\"\"
    ### BEGIN SOLUTION
    if words is not True:
        raise ValueError(message)
    ### END SOLUTION"""
CHECK = """expect(first(["a", "b"]), "a")
value, error = attempt(first, [])
expect(error, "ValueError", slip="an empty list must raise ValueError")"""


def test_a_task_that_the_course_itself_answers_is_found(variant) -> None:
    """`autograder.lab.require` refuses anything but True: a check that asks no more hands out the points."""
    weak = 'first(True, "no")\nrequire(attempt(first, 1, "no")[1] is not None, "refuse it")'
    part = audit_module(variant((GUARD, DEMAND), (CHECK, weak)), "words", Scope(("borrowed",), ("code-guard",)))
    assert part.record["borrowed"]["code-guard"]["passed"] == ["autograder.lab.require"]
    assert part.problems == ("code-guard: autograder.lab.require in place of first passes code-guard-check",)


def test_a_task_that_asks_for_more_is_safe(variant) -> None:
    """The same task with a check that names the error keeps its points."""
    strong = 'first(True, "no")\nexpect(attempt(first, 1, "no")[1], "ValueError")'
    part = audit_module(variant((GUARD, DEMAND), (CHECK, strong)), "words", Scope(("borrowed",), ("code-guard",)))
    assert part.record["borrowed"]["code-guard"]["ok"] is True
    assert part.record["borrowed"]["code-guard"]["tried"] >= 3
    assert part.problems == ()


def test_where_the_solution_fails_nothing_is_proven(variant) -> None:
    """That no loan earns says nothing about a check that nobody passes."""
    nobody = 'first(True, "no")\nexpect(attempt(first, 1, "no")[1], "KeyError")'
    part = audit_module(variant((GUARD, DEMAND), (CHECK, nobody)), "words", Scope(("borrowed",), ("code-guard",)))
    assert part.record["borrowed"]["code-guard"]["ok"] is False
    (problem,) = part.problems
    assert problem.startswith("code-guard: nothing is proven")


def test_a_value_has_nothing_to_borrow(course: Course) -> None:
    """Tasks that assign a value are named as such."""
    part = audit_module(course, "words", Scope(("borrowed",), ("theory-rare",)))
    assert part.record["borrowed"] == {"theory-rare": {"ok": True, "note": "not a function"}}


def test_students_are_given_the_released_packages() -> None:
    """What is public in released packages and in the grader's student half, each once; nothing private."""
    given = given_callables(load_course(Path(__file__).parents[3]))
    assert {"autograder.lab.expect", "lib.market.simulate", "lib.tracking.track", "lib.versioning.snapshot"} <= set(
        given
    )
    assert "lib.market.generate.simulate" not in given
    assert not [name for name in given if "._" in name or (name.startswith("autograder.") and ".lab." not in name)]
    assert len({id(value) for value in given.values()}) == len(given)
