"""Every mistake that learners are known to make loses points, in its own rubric lines and nowhere else."""

from __future__ import annotations

import pytest

from autograder.audit.known import Known, misses
from tests.labs.conftest import reasons
from tests.labs.submissions import MODULES, known, sample


@pytest.mark.parametrize("submission", sample("wrong"), ids=str)
def test_mistakes_lose_where_they_say(submission: Known, grade_slice) -> None:
    """The rubric lines that the file names lose points; the others keep theirs, unless they build on the mistake."""
    assert submission.loses, f"{submission} does not say where it loses: add a line `# loses: code`"
    graded = grade_slice(submission.module, submission.path)
    assert not misses(submission, graded), reasons(graded)


@pytest.mark.parametrize("module", MODULES)
def test_there_are_enough_known_submissions(module: str) -> None:
    """Eight mistakes and four alternatives a module, the borrowed answer and the peek at the truth among them."""
    wrong = {submission.path.stem for submission in known("wrong") if submission.module == module}
    assert len(wrong) >= 8
    assert {"wrong_borrowed", "wrong_peeks_at_truth"} <= wrong
    assert sum(submission.module == module for submission in known("alt")) >= 4
