"""Every known mistake loses points where it says, and right answers of other forms lose none."""

from __future__ import annotations

from collections import Counter

import pytest

from autograder.audit.known import Known, misses
from autograder.models import Outcome
from tests.labs.conftest import reasons
from tests.labs.submissions import MODULES, expected_lines, explains, known, own_checks, sample, together


@pytest.mark.thorough
@pytest.mark.parametrize("submissions", together(sample()), ids=lambda submissions: "+".join(map(str, submissions)))
def test_known_answers_earn_what_they_say(submissions: list[Known], grade) -> None:
    """The rubric lines that a mistake names lose points; the others keep theirs, unless they build on the mistake.

    Judged by the checks that what is handed in, or what builds on it, can reach: the solution's own test has the rest.
    Of mistakes in different tasks, in one notebook, each loses in checks that judge it alone, and no other check does.
    """
    graded = grade(submissions[0].module, *(each.path for each in submissions))
    assert {cell for each in submissions for cell in own_checks(each)} <= {check.cell for check in graded.checks}
    losing = {c.cell: c for c in graded.checks if c.points < c.possible and c.outcome is not Outcome.PENDING}
    wrong = [submission for submission in submissions if submission.loses]
    if not wrong:
        assert not losing, reasons(graded)
    if len(wrong) == 1:
        assert not misses(wrong[0], graded), reasons(graded)
    if wrong and len(submissions) > 1:
        unexplained = [cell for cell, check in losing.items() if not any(explains(each, check) for each in wrong)]
        assert not unexplained, f"{', '.join(unexplained)}: {reasons(graded)}"
        judges = Counter(cell for each in submissions for cell in own_checks(each))
        for each in wrong:
            own = own_checks(each)
            assert expected_lines(each), f"no check of {each} itself is in {', '.join(each.loses)}"
            kept = expected_lines(each) - {own[cell] for cell in own if cell in losing and judges[cell] == 1}
            assert not kept, f"{each} keeps all of its own points of {', '.join(kept)}: {reasons(graded)}"


@pytest.mark.parametrize("module", MODULES)
def test_there_are_enough_known_submissions(module: str) -> None:
    """Eight mistakes and four alternatives a module, the borrowed answer and the peek at the truth among them."""
    wrong = {submission.path.stem: submission for submission in known("wrong") if submission.module == module}
    assert len(wrong) >= 8
    assert {"wrong_borrowed", "wrong_peeks_at_truth"} <= wrong.keys()
    assert sum(submission.module == module for submission in known("alt")) >= 4
    silent = [name for name, submission in wrong.items() if not submission.loses]
    assert not silent, f"{silent} do not say where they lose: add a line `# loses: code`"
