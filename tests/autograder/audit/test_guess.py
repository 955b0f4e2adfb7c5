"""What guessing earns in theory."""

from __future__ import annotations

import pytest

from autograder.audit.guess import Question, audit_guess, chance, theory_questions
from autograder.build import load_lab
from autograder.course import Course


def question(kind: str, key: object, options: str = "ABCDE", keys: str = "", **texts: str) -> Question:
    """A question of one point."""
    return Question("theory-x-check", 1, kind, {"options": options, "keys": keys, "unit": "", "key": key}, texts)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (question("choice", "C"), 1 / 5),
        (question("several", {"A", "D"}), 1 / 31),
        (question("order", "BCA", options="ABC"), 1 / 6),
        (question("match", {"1": "A", "2": "C"}, options="ABC", keys="12"), 1 / 9),
        (question("numeric", 3.5, options=""), 0),
    ],
)
def test_a_random_answer_is_right_once_in_all_answers(asked: Question, expected: float) -> None:
    """1/k for one of k, 1/(2^k − 1) for several, 1/k! for an order, 1/k^n for a match; a number is never guessed."""
    assert chance(asked, "random") == pytest.approx(expected)


def test_the_longest_option_and_b_are_tried() -> None:
    """A key that is the longest text, or always B, is found out."""
    asked = question("choice", "B", options="ABC", A="short", B="by far the longest text", C="middle one")
    assert (chance(asked, "longest"), chance(asked, "always_b")) == (1, 1)
    assert chance(question("choice", "A", A="short", B="by far the longest text"), "longest") == 0


def test_the_tiny_course_cannot_be_guessed(course: Course) -> None:
    """A choice of three and one of fifteen sets: 1/3 and 2/15 of a point at random, from the cells themselves."""
    lab = load_lab(course, "words")
    part = audit_guess(course, lab)
    assert part.problems == ()
    assert part.record["guess"]["random"] == pytest.approx(1 / 3 + 2 / 15, abs=1e-3)
    assert theory_questions(lab)[0].texts == {"A": "the rare ones.", "B": "the frequent ones.", "C": "none."}


def test_a_guessable_theory_part_is_above_the_bar(variant) -> None:
    """Two questions with two options each are worth half their points to anybody."""
    course = variant(
        ('answer="choice" options="ABC"', 'answer="choice" options="AB"'),
        ('answer="several" options="ABCD"', 'answer="choice" options="BD"'),
        ('theory_kinds = {"B", "D"}', 'theory_kinds = "B"'),
    )
    part = audit_guess(course, load_lab(course, "words"))
    assert part.record["guess"]["random"] == 1.5
    assert part.record["guess"]["always_b"] == 2
    assert "guessing (random) earns 1.5 points of theory, 0.6 is the bar" in part.problems
    assert any(problem.startswith("theory-kinds-check: the options' texts cannot be read") for problem in part.problems)
