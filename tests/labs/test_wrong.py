"""Every mistake that learners are known to make loses points, in its own rubric lines and nowhere else."""

from __future__ import annotations

from collections import Counter

import pytest

from autograder.audit.known import Known, misses
from autograder.audit.trials import lost
from autograder.models import CheckResult
from tests.labs.conftest import reasons
from tests.labs.submissions import MODULES, known, own_checks, same_verdict, sample, together

TOGETHER = together(sample("wrong"), same_verdict)


@pytest.mark.thorough
@pytest.mark.parametrize("submissions", TOGETHER, ids=lambda submissions: "+".join(map(str, submissions)))
def test_mistakes_lose_where_they_say(submissions: list[Known], grade) -> None:
    """The rubric lines that the file names lose points; the others keep theirs, unless they build on the mistake.

    Of mistakes in different tasks, in one notebook, each loses in checks that judge it alone, and no other check does.
    """
    for submission in submissions:
        assert submission.loses, f"{submission} does not say where it loses: add a line `# loses: code`"
    graded = grade(submissions[0].module, *(each.path for each in submissions))
    if len(submissions) == 1:
        assert not misses(submissions[0], graded), reasons(graded)
        return
    losing = {check.cell for check in lost(graded)}
    unexplained = [check.cell for check in lost(graded) if not any(explains(each, check) for each in submissions)]
    assert not unexplained, f"{', '.join(unexplained)}: {reasons(graded)}"
    judges = Counter(cell for each in submissions for cell in own_checks(each))
    for submission in submissions:
        own = own_checks(submission)
        expected = submission.loses & set(own.values())
        assert expected, f"no check of {submission} itself is in {', '.join(submission.loses)}"
        kept = expected - {rubric for cell, rubric in own.items() if cell in losing and judges[cell] == 1}
        assert not kept, f"{submission} keeps all of its own points of {', '.join(kept)}: {reasons(graded)}"


def explains(submission: Known, check: CheckResult) -> bool:
    """Whether the file says that it loses here: in a check of its own, or in a line that only builds on its task."""
    own, named = own_checks(submission), submission.loses | submission.may_lose
    beyond = (submission.loses - set(own.values())) | submission.may_lose
    return check.rubric in (named if check.cell in own else beyond)


@pytest.mark.parametrize("module", MODULES)
def test_there_are_enough_known_submissions(module: str) -> None:
    """Eight mistakes and four alternatives a module, the borrowed answer and the peek at the truth among them."""
    wrong = {submission.path.stem for submission in known("wrong") if submission.module == module}
    assert len(wrong) >= 8
    assert {"wrong_borrowed", "wrong_peeks_at_truth"} <= wrong
    assert sum(submission.module == module for submission in known("alt")) >= 4
