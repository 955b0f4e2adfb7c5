"""Item analysis: figures that numpy finds too, and silence where there is too little to say."""

from __future__ import annotations

import numpy as np
import pytest

from autograder.analysis import MIN_STUDENTS, check_statistics, discrimination, spread
from autograder.build import load_lab
from autograder.course import Course
from autograder.models import Lab, Outcome
from tests.autograder.classes import a_class, graded


@pytest.fixture(scope="module")
def lab(course: Course) -> Lab:
    """The tiny course's one module."""
    return load_lab(course, "words")


def test_discrimination_is_the_corrected_item_total_correlation() -> None:
    """numpy's correlation of an item with the total without it, not with the total itself."""
    chance = np.random.default_rng(5)
    points = chance.integers(0, 2, size=(40, 6)) * np.array([1, 2, 3, 1, 2, 4])
    totals = points.sum(axis=1)
    for item in points.T:
        expected = np.corrcoef(item, totals - item)[0, 1]
        assert discrimination(item.tolist(), totals.tolist()) == pytest.approx(expected, abs=1e-6)


def test_nothing_is_said_of_too_few_or_of_all_alike() -> None:
    """Nine students, a check that all passed, or a rest that is the same for all have no discrimination."""
    items = [0.0, 2.0] * 5
    assert discrimination(items[:9], [item + n for n, item in enumerate(items[:9])]) is None
    assert discrimination([2.0] * 10, list(map(float, range(10)))) is None
    assert discrimination(items, [item + 0.1 + 0.2 for item in items]) is None
    assert discrimination(items, [item + n for n, item in enumerate(items)]) is not None


def test_empty_hands_and_our_own_errors_do_not_make_a_check_hard(lab: Lab) -> None:
    """The share of points counts who tried anything; what errored on our side is left out, and all are shown."""
    grades = [
        graded(lab, "an", {}),
        graded(lab, "binh", {"code-count-check": Outcome.FAILED}),
        graded(lab, "chi", {"code-count-check": Outcome.ERRORED}),
        graded(lab, "dung", {"code-count-check": Outcome.NOT_ATTEMPTED}),
        graded(lab, "emma", Outcome.NOT_REACHED),
    ]
    found = {check.cell: check for check in check_statistics(grades)}["code-count-check"]
    assert (found.judged, found.share) == (3, pytest.approx(1 / 3))
    assert {str(outcome): count for outcome, count in found.outcomes.items() if count} == {
        "passed": 1,
        "failed": 1,
        "errored": 1,
        "not attempted": 1,
        "not reached": 1,
    }


def test_marks_to_come_leave_a_check_open(lab: Lab) -> None:
    """While reports wait for a mark, nothing is said about what they earn."""
    written = next(check for check in check_statistics(a_class(lab, 30)) if check.cell == "report-text")
    assert (written.share, written.discrimination) == (None, None)


def test_a_class_of_the_least_size_has_figures(lab: Lab) -> None:
    """Ten students are enough, nine are not."""
    for size, known in ((MIN_STUDENTS - 1, False), (200, True)):
        checks = [check for check in check_statistics(a_class(lab, size)) if check.cell != "report-text"]
        assert all((check.discrimination is not None) == known for check in checks)


def test_quartiles_are_those_of_the_values() -> None:
    """One value is its own quartiles; nine are cut at the third, fifth and seventh."""
    assert spread([7]).quartiles == (7, 7, 7)
    assert spread([9, 8, 7, 6, 5, 4, 3, 2, 1]).quartiles == (3, 5, 7)
