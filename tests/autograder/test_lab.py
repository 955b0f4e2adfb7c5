"""What notebooks import: verdicts that cannot be talked round, and messages that help."""

from __future__ import annotations

import contextlib
import io

import numpy as np
import pytest
from IPython.core.interactiveshell import InteractiveShell

from autograder.lab import Failure, answered, examine, expect, require, seed


@pytest.mark.parametrize(
    ("got", "expected"),
    [(1, 1.0), (0.1 + 0.2, 0.3), ([1.0, 2.0], (1, 2)), ({"a": 1.0}, {"a": 1}), (True, True), (None, None), ("a", "a")],
)
def test_equal_values_pass(got: object, expected: object) -> None:
    """Numbers compare within the tolerance, containers element by element."""
    expect(got, expected, rel=1e-9)


@pytest.mark.parametrize(
    ("got", "expected"),
    [
        (float("nan"), float("nan")),
        (True, 1),
        (1, True),
        ("1", 1),
        (None, 0),
        ([1], [1, 2]),
        ({"a": 1, "b": 2}, {"a": 1}),
        (0.5, 0.6),
        (float("inf"), 1.0),
        ({1, 2}, {1}),
    ],
)
def test_other_values_fail(got: object, expected: object) -> None:
    """NaN, truth for numbers, near misses and wrong shapes do not pass."""
    with pytest.raises(Failure):
        expect(got, expected, rel=1e-9)


def test_numpy_scalars_compare_as_they_arrive_in_the_grader() -> None:
    """What passes when graded passes in the notebook, too: np.int64(17) is 17."""
    expect([np.int64(17), np.float64(0.5), np.True_], [17, 0.5, True])
    with pytest.raises(Failure):
        expect(np.float64("nan"), 1.0, rel=1.0)


def test_integers_compare_exactly_without_a_tolerance() -> None:
    """As floats 2**53 and its neighbour are equal; as answers they are not."""
    expect(2**53 + 1, 2**53 + 1)
    with pytest.raises(Failure):
        expect(2**53 + 1, 2**53)


def test_messages_show_input_expected_got_and_slip() -> None:
    """A visible failure shows all four; a secret one keeps the expected value back."""
    with pytest.raises(Failure, match=r"(?s)input: +\[3\].*expected: 9.*got: +6.*hint: +squared, not doubled"):
        expect(6, 9, given=[3], slip="squared, not doubled")
    with pytest.raises(Failure, match="a float") as caught:
        expect(6.0, 9.25, secret=True)
    assert "9.25" not in str(caught.value)
    with pytest.raises(Failure, match="forget a return"):
        expect(None, 9)


def test_a_failure_shows_its_message_and_no_traceback() -> None:
    """In a notebook a failing check is a few lines for the learner, not a page about this module."""
    shell = InteractiveShell.instance()
    with contextlib.redirect_stdout(io.StringIO()) as shown:
        shell.run_cell("from autograder.lab import expect\nexpect(6, 9, slip='squared, not doubled')")
    InteractiveShell.clear_instance()
    lines = shown.getvalue().splitlines()
    assert lines[0] == "Not yet: not what was expected"
    assert lines[-1].split() == ["hint:", "squared,", "not", "doubled"]
    assert len(lines) == 4


def test_require_wants_exactly_true() -> None:
    """What merely looks true is not."""
    require(seed() > 0, "fine")
    for value in (1, "yes", None, [True]):
        with pytest.raises(Failure, match="no"):
            require(value, "no")


@pytest.mark.parametrize(
    ("kind", "right", "wrong", "malformed"),
    [
        ("choice", "b", "A", "AB"),
        ("several", ["C", "a"], {"A"}, {"Z"}),
        ("order", "CAB", "ABC", "AAB"),
        ("match", {1: "b", 2: "A"}, {"1": "A", "2": "A"}, {"1": "A"}),
        ("numeric", 4.0, 5, float("inf")),
    ],
)
def test_answers(kind: str, right: object, wrong: object, malformed: object) -> None:
    """The form is checked before the key; a right answer in another spelling is right."""
    keys = {"choice": "B", "several": {"A", "C"}, "order": "CAB", "match": {"1": "B", "2": "A"}, "numeric": 4.01}
    options = {"options": "ABC", "keys": "12", "key": keys[kind], "tolerance": 0.01}
    answered(right, kind, **options)
    with pytest.raises(Failure, match="not the answer"):
        answered(wrong, kind, **options)
    with pytest.raises(Failure, match="write "):
        answered(malformed, kind, **options)
    with pytest.raises(Failure, match="not answered yet"):
        answered(None, kind, **options)


def test_a_set_has_no_order() -> None:
    """A set of letters is no answer to an ordering question."""
    with pytest.raises(Failure, match="write all of the letters"):
        answered({"A", "B"}, "order", options="AB", key="AB")


def test_examine_and_seed_act_locally_in_a_notebook() -> None:
    """Outside the grader `examine` is a plain call and the seed is fixed."""
    assert examine("json:loads", s="[1]") == [1]
    assert seed() == seed() > 2**32
