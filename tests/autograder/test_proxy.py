"""Remote objects pass no comparison by trickery, and a learner's exceptions speak for themselves."""

from __future__ import annotations

import json

import pytest

from autograder import agent, wire
from autograder.errors import KernelDied, WireError
from autograder.lab import Failure, Raised, attempt, expect
from autograder.proxy import Remote, fetch_names


class Yes:
    """Equal to everything, true, callable into anything."""

    mark = 3

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 1

    def double(self, value: int) -> int:
        return 2 * value


def explode(text: str) -> None:
    raise LookupError(text)


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """The proxies of a kernel's names, answered by the real agent in this process."""
    kernel = {"yes": Yes(), "explode": explode, "refuse": refuse, "pair": (1, [2.5]), "same": lambda x: x, "other": 1}
    monkeypatch.setattr(agent, "_user_namespace", lambda: kernel)
    return fetch_names(agent.answer, ["yes", "explode", "refuse", "pair", "same", "absent"])


def test_names_come_as_data_or_remote(names: dict[str, object]) -> None:
    """Only what was asked for and exists comes; data as data, the rest as handles."""
    assert set(names) == {"yes", "explode", "refuse", "pair", "same"}
    assert names["pair"] == (1, [2.5])
    assert isinstance(names["yes"], Remote)
    assert repr(names["yes"]).startswith("<yes: ")


def test_a_remote_object_is_equal_to_nothing_and_has_no_truth(names: dict[str, object]) -> None:
    """`__eq__` and `__bool__` of the learner's class are never asked."""
    yes = names["yes"]
    assert yes != 3
    for trick in (lambda: bool(yes), lambda: not yes, lambda: expect(yes, 3), lambda: expect([yes], [3])):
        with pytest.raises(Failure):
            trick()


def test_methods_and_attributes_work_remotely(names: dict[str, object]) -> None:
    """A handle's methods are called where it lives, and it can be handed back."""
    yes, same = names["yes"], names["same"]
    assert yes.mark == 3
    assert yes.double(21) == 42
    assert same(yes).mark == 3
    assert same({"a": [1, (2,)]}) == {"a": [1, (2,)]}
    with pytest.raises(AttributeError):
        _ = yes.__dict__


def test_a_learners_exception_is_a_failure_that_names_it(names: dict[str, object]) -> None:
    """The exception's class and text reach the feedback; `attempt` tells which it was."""
    with pytest.raises(Raised, match=r"explode\(…\) raised LookupError: 'gone'|raised LookupError: gone") as caught:
        names["explode"]("gone")
    assert caught.value.error == "LookupError"
    assert attempt(names["explode"], "gone") == (None, "LookupError")


class TooSmall(ValueError):
    """An exception of the learner's own."""


def refuse(kind: str) -> None:
    raise {"own": TooSmall, "unicode": UnicodeDecodeError, "group": ExceptionGroup, "stop": StopIteration}[kind](
        *{"own": ["small"], "unicode": ["utf-8", b"a", 0, 1, "bad"], "group": ["two", [ValueError()]], "stop": []}[kind]
    )


def test_a_check_may_catch_what_a_learner_raises(names: dict[str, object]) -> None:
    """A builtin exception, or an own one that is derived from it, is caught as it would be in the notebook."""
    with pytest.raises(LookupError) as caught:
        names["explode"]("gone")
    assert str(caught.value) == "explode(…) raised LookupError: gone"
    with pytest.raises(ValueError, match="raised TooSmall: small"):
        names["refuse"]("own")
    with pytest.raises(UnicodeDecodeError, match="raised UnicodeDecodeError: 'utf-8' codec"):
        names["refuse"]("unicode")
    assert attempt(names["refuse"], "own") == (None, "TooSmall")


@pytest.mark.parametrize(("kind", "name"), [("group", "ExceptionGroup"), ("stop", "StopIteration")])
def test_exceptions_with_a_meaning_of_their_own_stay_failures(names: dict[str, object], kind: str, name: str) -> None:
    """What Python itself acts upon reaches a check as a Failure and nothing more."""
    with pytest.raises(Raised, match=f"raised {name}") as caught:
        names["refuse"](kind)
    assert type(caught.value) is Raised


@pytest.mark.parametrize("builtin", ["exit", "SystemExit", "print", "__import__", "nothing"])
def test_forged_exception_classes_stay_failures(builtin: str) -> None:
    """A kernel that names anything but a plain exception is not believed."""
    reply = json.dumps({"error": {"type": "E", "builtin": builtin, "message": "m"}})
    with pytest.raises(Raised) as caught:
        fetch_names(lambda _: reply, ["x"])
    assert type(caught.value) is Raised


@pytest.mark.parametrize(
    "reply", ["", "no json", "[]", "7", '{"ok":{"$":"zip"}}', '{"error":3}', '{"ok":[[' + "[" * 99]
)
def test_forged_replies_fail_the_answer_and_nothing_else(reply: str) -> None:
    """Whatever comes back instead of a reply is a Failure of this answer."""
    with pytest.raises(Failure):
        fetch_names(lambda _: reply, ["x"])


def test_a_giant_reply_is_not_even_read() -> None:
    """The size limit holds on the grader's side, whatever the kernel does with its own."""
    with pytest.raises(Failure, match="at most 32,000,000"):
        fetch_names(lambda _: '{"ok":"' + "a" * wire.MAX_BYTES + '"}', ["x"])


@pytest.mark.parametrize("trouble", [Failure("this took more than 2 seconds"), KernelDied("gone"), WireError("no")])
def test_what_gave_no_answer_raised_nothing(names: dict[str, object], trouble: Exception) -> None:
    """`attempt` reports exceptions of the learner's function; a timeout or a dead kernel is none."""

    def ask(_: str) -> str:
        raise trouble

    object.__setattr__(names["explode"], "_ask", ask)
    with pytest.raises(type(trouble)):
        attempt(names["explode"], "gone")


def test_forged_names_cannot_smuggle_more(names: dict[str, object]) -> None:
    """A kernel that answers with names nobody asked for changes none of the check's own."""
    reply = json.dumps({"ok": {"$": "dict", "v": [["expect", None], ["x", 1]]}})
    assert fetch_names(lambda _: reply, ["x"]) == {"x": 1}
