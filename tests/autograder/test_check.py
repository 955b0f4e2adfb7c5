"""A check cell's world: shared functions called beside the learner's objects, and settings that end with the check."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from autograder import agent
from autograder.check import Judge
from autograder.lab import Failure, examiner, in_notebook
from autograder.models import Cell, CheckResult, Lab, Outcome

TASK = Cell("code-adder", "code", "task", "def make_adder(n):\n    return lambda m: n + m", 1)
USE = "add = in_notebook(use, make_adder, 3)\nif add != [4, 5]:\n    raise AssertionError(str(add))"
CHECK = Cell("code-adder-check", "code", "check", USE, 5, points=1, targets=("code-adder",))


def use(make_adder: Callable[[int], Callable[[int], int]], n: int) -> list[int]:
    """What a shared cell of a course may hold: it works on what the learner's function returns."""
    adder = make_adder(n)
    return [adder(1), adder(2)]


@pytest.fixture
def verdict(monkeypatch: pytest.MonkeyPatch) -> Callable[..., CheckResult]:
    """The verdict on CHECK when the learner's kernel holds some names; answered by the real agent."""

    def judge(**kernel: object) -> CheckResult:
        monkeypatch.setattr(agent, "_user_namespace", lambda: kernel)
        shared = {"in_notebook": in_notebook, "use": lambda *_: pytest.fail("called in the grader")}
        shared["use"].__name__ = "use"
        lab = Lab("adding", "adding.py", (TASK, CHECK))
        judge = Judge(lab, shared, lambda _: 1, examine=lambda *_: None, attempted=lambda _: True)
        return judge.evaluate(CHECK, agent.answer)

    return judge


def test_a_shared_function_works_where_the_learners_objects_live(verdict: Callable[..., CheckResult]) -> None:
    """It gets the function itself, so that it can use what that returns; only its answer travels."""
    assert verdict(use=use, make_adder=lambda n: lambda m: n + m).outcome is Outcome.PASSED
    assert verdict(use=use, make_adder=lambda n: lambda m: n - m).outcome is Outcome.FAILED


def test_what_the_shared_function_meets_is_the_learners(verdict: Callable[..., CheckResult]) -> None:
    """A learner's exception inside it, and a kernel that has lost it, fail the check with the reason."""
    raising = verdict(use=use, make_adder=lambda _: None)
    assert (raising.outcome, "TypeError" in raising.reason) == (Outcome.FAILED, True)
    lost = verdict(make_adder=lambda n: lambda m: n + m)
    assert (lost.outcome, "does not define use" in lost.reason) == (Outcome.FAILED, True)


def test_in_a_notebook_it_is_a_plain_call() -> None:
    """No grader, no detour."""
    assert in_notebook(use, lambda n: lambda m: n * m, 3) == [3, 6]


def test_what_a_check_installs_ends_with_it(verdict: Callable[..., CheckResult]) -> None:
    """Also when the check fails: later calls are local again."""
    verdict()
    assert examiner.get() is None
    with pytest.raises(Failure):
        in_notebook(_raise)


def _raise() -> None:
    raise Failure("local")
