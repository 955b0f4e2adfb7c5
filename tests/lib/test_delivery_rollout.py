"""The way of a rollout, move by move: nothing is lost on it, wherever it begins and whenever it is broken off."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.delivery.canary import judge, requests_needed
from lib.delivery.rollout import alone, next_move
from lib.delivery.running import Running, Spec, VersionState
from lib.delivery.wanted import Canary, CanaryStep, Wanted

STEPS = (CanaryStep(share=0.1, requests=100), CanaryStep(share=0.5, requests=200))
WANTED = Wanted(model="m", version=3, replicas=2, canary=Canary(steps=STEPS))


def running(spec, *, settled=True, age_s=1.0, **seen):
    """An environment that has done what it was told; `v3=...` says what clients saw of version 3."""
    versions = {
        version: VersionState(
            version=version, ready=count, addresses=tuple(f"h:{version}{n}" for n in range(count)),
            **{"requests": 1_000, **seen.get(f"v{version}", {})},
        )
        for version, count in spec.replicas.items()
    }  # fmt: skip
    return Running(environment="production", url="http://p", spec=spec, settled=settled, age_s=age_s, versions=versions)


def walk(spec, *, wanted=WANTED, direct=False, forget=False):
    """All moves until it is done; with `forget` each is made by somebody who knows nothing of the ones before."""
    moves, passed = [], set()
    while not moves or moves[-1].kind != "done":
        move = next_move(wanted, running(spec), passed=frozenset(passed), direct=direct)
        moves.append(move)
        assert len(moves) < 30, moves
        if move.spec is not None:
            spec = move.spec
        elif move.kind in ("smoke", "verify", "record"):
            passed.add(move.kind)
        if forget and move.spec is not None:
            passed.clear()
    return moves


def shares(moves):
    return [move.spec.shares for move in moves if move.spec is not None]


def test_the_whole_way():
    """Start, smoke, two canary steps, all, verify, record, let go."""
    moves = walk(Spec(replicas={1: 2}, shares={1: 1.0}))
    assert [move.kind for move in moves] == [
        "apply", "smoke", "apply", "apply", "apply", "verify", "record", "apply", "done",
    ]  # fmt: skip
    assert shares(moves) == [{1: 1.0}, {1: 0.9, 3: 0.1}, {1: 0.5, 3: 0.5}, {3: 1.0}, {3: 1.0}]
    assert moves[1].url == "http://h:30"
    assert moves[-2].spec == alone(WANTED)


def test_nothing_to_compare_with_and_back_to_a_known_version():
    """A first version takes over once it has answered rightly; a known one does at once, too."""
    assert shares(walk(Spec())) == [{}, {3: 1.0}]
    assert shares(walk(Spec(replicas={1: 2}, shares={1: 1.0}), direct=True)) == [{1: 1.0}, {3: 1.0}, {3: 1.0}]
    # A revert in the middle of a canary: the version that serves most is wanted again.
    middle = Spec(replicas={3: 2, 4: 2}, shares={3: 0.9, 4: 0.1})
    assert shares(walk(middle, direct=True)) == [{3: 1.0}, {3: 1.0}]


def test_what_stands_needs_only_the_checks():
    """A version that has everything is asked, noted, and done; another number of replicas is set."""
    assert [move.kind for move in walk(alone(WANTED))] == ["verify", "record", "done"]
    moves = walk(Spec(replicas={3: 1}, shares={3: 1.0}))
    assert moves[0].spec == alone(WANTED)


SPECS = st.dictionaries(st.integers(1, 5), st.integers(1, 3), max_size=3).flatmap(
    lambda replicas: st.dictionaries(
        st.sampled_from(sorted(replicas)) if replicas else st.nothing(), st.sampled_from([0.1, 0.3, 0.5, 1.0])
    ).map(lambda given: Spec(replicas=replicas, shares=given))
)


@given(spec=SPECS, direct=st.booleans(), forget=st.booleans())
def test_from_wherever_it_is_begun_it_arrives_and_clients_are_served(spec, direct, forget):
    """Every walk ends with the wanted version alone; from any state in which somebody served, somebody always does, and
    no version gets a share that was not asked before, or had one already."""
    moves = walk(spec, direct=direct, forget=forget)
    last = spec
    served, smoked = bool(spec.shares), 3 in spec.shares
    for move in moves:
        smoked = smoked or move.kind == "smoke"
        if move.spec is None:
            continue
        assert move.spec.shares or not served, moves
        assert smoked or 3 not in move.spec.shares, moves
        assert move.spec != last, moves
        last = move.spec
    assert last == alone(WANTED)


def test_replicas_that_do_not_start_end_it_unless_there_is_nothing_else():
    """Beside another version it is given up; alone it goes on as it can."""
    beside = Spec(replicas={1: 2, 3: 2}, shares={1: 1.0})
    move = next_move(WANTED, running(beside, v3={"trouble": "it died"}))
    assert (move.kind, move.reason) == ("fail", "version 3 does not start: it died")
    assert next_move(WANTED, running(alone(WANTED), v3={"trouble": "it died"})).kind == "verify"
    assert next_move(WANTED, running(beside, settled=False)).kind == "wait"


def test_a_version_that_ends_while_it_takes_over_is_taken_back_until_it_is_recorded():
    """The old one still is there; once the registry names the new one, it goes on by itself."""
    full = Spec(replicas={1: 2, 3: 2}, shares={3: 1.0})
    for seen in ({"ended": 1}, {"trouble": "it died"}):
        assert next_move(WANTED, running(full, v3=seen)).kind == "fail"
        recorded = next_move(WANTED, running(full, v3=seen), passed=frozenset({"verify", "record"}))
        assert (recorded.kind, recorded.spec) == ("apply", alone(WANTED))


CANARY = Spec(replicas={1: 2, 3: 2}, shares={1: 0.9, 3: 0.1})


@pytest.mark.parametrize(
    ("seen", "verdict", "words"),
    [
        ({"requests": 99, "failed": 1}, "wait", "of 99 requests at 10%, version 3 failed 1; 100 are needed"),
        ({"requests": 20, "failed": 2}, "bad", "failed 2, and 1 may fail; version 1 failed 0 of 1000"),
        ({"requests": 100, "failed": 1}, "good", "of 100 requests at 10%, version 3 failed 1"),
        ({"requests": 400, "failed": 4}, "good", "failed 4"),
        ({"requests": 400, "failed": 5}, "bad", "4 may fail"),
        ({"requests": 50, "ended": 1}, "bad", "1 of its replicas ended while it served"),
        ({"requests": 100, "refused": 7}, "good", "failed 0"),
        ({"requests": 100, "refused": 8}, "bad", "refused 8.0%, where version 1 refused 2.0%"),
        ({"requests": 100, "mean_ms": 30.0}, "good", "failed 0"),
        ({"requests": 100, "mean_ms": 31.0}, "bad", "31 ms on average; version 1 took 4 ms, and 30 ms are allowed"),
    ],
)
def test_canary_is_judged_by_what_clients_saw(seen, verdict, words):
    """Failures at once, refusals and times against its predecessor's, and nothing before there are enough requests."""
    found = judge(
        WANTED.canary, STEPS[0], running(CANARY, v3=seen, v1={"refused": 20, "mean_ms": 4.0}), new=3, old=1
    )  # fmt: skip
    assert found.verdict == verdict, found
    assert words in found.reason


def test_a_canary_that_nobody_asks_is_taken_back():
    """After its patience: who cannot be judged is not let in."""
    found = judge(WANTED.canary, STEPS[0], running(CANARY, age_s=601.0, v3={"requests": 5}), new=3, old=1)
    assert (found.verdict, found.reason) == (
        "bad",
        "of 5 requests at 10%, version 3 failed 0, and 100 are needed to judge it; 600 s were not enough",
    )


@given(failing=st.floats(0.001, 0.5), confidence=st.floats(0.5, 0.999))
def test_requests_needed_is_the_smallest_number_that_is_enough(failing, confidence):
    """That many see a failure with the probability asked for, one fewer does not."""
    needed = requests_needed(failing, confidence=confidence)
    assert (1 - failing) ** needed <= (1 - confidence) * (1 + 1e-9)
    assert (1 - failing) ** (needed - 1) > (1 - confidence) * (1 - 1e-9)
    assert needed == math.ceil(needed)
    with pytest.raises(ValueError, match="between 0 and 1"):
        requests_needed(0.0)
