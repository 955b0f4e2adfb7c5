"""A check cell's world: shared functions called beside the learner's objects, and settings that end with the check."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from autograder import agent
from autograder.check import SHARED, Judge
from autograder.lab import Failure, examiner, in_notebook
from autograder.models import Cell, CheckResult, Lab, Outcome

TASK = Cell("code-adder", "code", "task", "def make_adder(n):\n    return lambda m: n + m", 1)
USE = "add = in_notebook(use, make_adder, 3)\nif add != [4, 5]:\n    raise AssertionError(str(add))"
CHECK = Cell("code-adder-check", "code", "check", USE, 5, points=1, targets=("code-adder",))


SHARED_CELL = """
LIMIT = 10

class Till:
    def add(self, adder, m):
        return adder(m)

def use(make_adder, n):
    adder, till = make_adder(n), Till()
    return [till.add(adder, m) for m in (1, 2) if m < LIMIT]
"""


def names_of(source: str, module: str) -> dict[str, object]:
    names: dict[str, object] = {"__name__": module}
    exec(compile(source, "<shared>", "exec"), names)
    return names


@pytest.fixture
def verdict(monkeypatch: pytest.MonkeyPatch) -> Callable[..., CheckResult]:
    """The verdict on CHECK when the learner's kernel ran the shared cell and then got some names; by the real agent."""

    def judge(**later: object) -> CheckResult:
        kernel = names_of(SHARED_CELL, "__main__")
        kernel.update(later)
        monkeypatch.setattr(agent, "_user_namespace", lambda: kernel)
        shared = names_of(SHARED_CELL, SHARED) | {"in_notebook": in_notebook}
        later_cell = Cell("later", "code", "shared", "def later(): ...", 9)
        exec(later_cell.source, shared)  # not yet in the kernel when CHECK is judged
        cells = (Cell("shared", "code", "shared", SHARED_CELL, 1), TASK, CHECK, later_cell)
        lab = Lab("adding", "adding.py", cells)
        judge = Judge(lab, shared, lambda _: 1, examine=lambda *_: None, attempted=lambda _: True)
        return judge.evaluate(CHECK, agent.answer)

    return judge


def test_a_shared_function_works_where_the_learners_objects_live(verdict: Callable[..., CheckResult]) -> None:
    """It gets the function itself, so that it can use what that returns; only its answer travels."""
    assert verdict(make_adder=lambda n: lambda m: n + m).outcome is Outcome.PASSED
    assert verdict(make_adder=lambda n: lambda m: n - m).outcome is Outcome.FAILED


def test_what_the_shared_function_meets_is_the_learners(verdict: Callable[..., CheckResult]) -> None:
    """A learner's exception inside it fails the check with the reason."""
    raising = verdict(make_adder=lambda _: None)
    assert (raising.outcome, "TypeError" in raising.reason) == (Outcome.FAILED, True)


class Till:
    """Not the course's own."""

    def add(self, adder: object, m: int) -> int:
        return {1: 4, 2: 5}[m]


@pytest.mark.parametrize(
    ("name", "value"), [("use", lambda make_adder, n: [4, 5]), ("use", None), ("use", [4, 5]), ("Till", Till)]
)
def test_a_redefined_shared_function_or_class_earns_nothing(
    verdict: Callable[..., CheckResult], name: str, value: object
) -> None:
    """Also where the redefinition would give the right answer, and where only what the function calls is another."""
    forged = verdict(make_adder=lambda n: lambda m: n - m, **{name: value})
    assert (forged.outcome, f"redefines {name}" in forged.reason) == (Outcome.FAILED, True)


def test_in_a_notebook_it_is_a_plain_call() -> None:
    """No grader, no detour."""
    assert in_notebook(names_of(SHARED_CELL, "__main__")["use"], lambda n: lambda m: n * m, 3) == [3, 6]


def test_what_a_check_installs_ends_with_it(verdict: Callable[..., CheckResult]) -> None:
    """Also when the check fails: later calls are local again."""
    verdict(make_adder=None)
    assert examiner.get() is None
    with pytest.raises(Failure):
        in_notebook(_raise)


def _raise() -> None:
    raise Failure("local")
