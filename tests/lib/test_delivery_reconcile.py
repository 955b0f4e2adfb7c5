"""What is committed is brought about, or the reason is kept; production serves whatever happens."""

from __future__ import annotations

import json

import pytest
from filelock import FileLock

from lib.delivery.reconcile import status
from lib.delivery.rollout_record import Records
from lib.delivery.running import Spec
from lib.delivery.wanted import Canary, CanaryStep
from lib.delivery.wanted_repository import WantedRepository
from lib.errors import DeliveryError
from tests.lib.delivery_tools import (
    NEVER_STARTS,
    RARELY_FAILS,
    REFUSES_MORE,
    WRONG,
    InstantCluster,
    Killed,
    World,
    servers,
    wanted,
    world,
)
from tests.lib.serving_tools import wait

ORDINARY = [1.0, 2.0, 3.0]


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """One world for all tests of this module that leave version 1 in production."""
    with world(tmp_path_factory.mktemp("reconcile")) as found:
        yield found


@pytest.fixture
def here(shared):
    """Both environments at version 1, whatever the test before wanted; versions that served have no canary again."""
    yield shared
    shared.ask_for("staging", 1)
    shared.ask_for("production", 1)
    reports = shared.reconcile()
    assert [(each.state, each.serving) for each in reports] == [("in place", 1)] * 2, reports


def states(reports):
    return [(each.state, each.serving) for each in reports]


def test_a_commit_is_released_by_canary_and_a_revert_takes_it_back(here):
    """Both without a failed request; the way back needs neither canary nor staging; a second look changes nothing."""
    here.ask_for("staging", 2)
    asked = here.ask_for("production", 2)
    waiting = here.reconcile(wait_s=0)
    assert waiting[1].state == "waiting"
    assert "has not passed staging" in waiting[1].reason
    assert here.until_staged().state == "rolling out"
    production, statuses = here.under_clients(ORDINARY)
    assert (production.state, production.serving, production.commit) == ("in place", 2, asked.id)
    assert len(statuses) >= 40
    assert set(statuses) == {200}
    lines = len(Records(here.folder).history())
    assert states(here.reconcile()) == [("in place", 2)] * 2
    assert len(Records(here.folder).history()) == lines
    here.git.revert(asked.id, by="bob")
    production, statuses = here.under_clients(ORDINARY)
    assert (production.state, production.serving) == ("in place", 1)
    assert set(statuses) <= {200}
    said = [str(line["what"]) for line in Records(here.folder).history()[lines:]]
    assert said[0].startswith("rolling out: ")
    assert 'bob: Revert "production: version 2 of m"' in said[0]
    assert not any("50%" in what for what in said)


def test_a_version_that_answers_wrongly_ends_in_staging(here):
    """Staging keeps what it had, production waits; the same commit is not tried again, unless that is asked for."""
    asked = here.ask_for("staging", WRONG)
    here.ask_for("production", WRONG)
    staging, production = here.reconcile()
    assert (staging.state, staging.serving, staging.commit) == ("rolled back", 1, asked.id)
    assert "golden: 3 of 3 predictions are off" in staging.reason
    assert (production.state, production.serving) == ("waiting", 1)
    lines = len(Records(here.folder).history())
    assert here.reconcile() == (staging, production)
    assert len(Records(here.folder).history()) == lines
    assert here.reconcile(again=True)[0].state == "rolled back"
    assert len(Records(here.folder).history()) > lines
    assert here.ask(ORDINARY) == [200] * 3


def test_a_version_that_does_not_start_ends_in_staging(here):
    """Its reason is told."""
    here.ask_for("staging", NEVER_STARTS)
    staging, _ = here.reconcile()
    assert (staging.state, staging.serving) == ("rolled back", 1)
    assert "RuntimeError: its files have vanished" in staging.reason


@pytest.mark.parametrize(
    ("version", "words"),
    [(RARELY_FAILS, "failed 1, and 0 may fail; version 1 failed 0 of"), (REFUSES_MORE, "where version 1 refused 0.0%")],
)
def test_a_version_that_fails_clients_is_taken_back(here, version, words):
    """No smoke test asks what clients ask; the canary's requests alone saw it, and production is as it was."""
    here.ask_for("staging", version)
    here.ask_for("production", version)
    assert here.until_staged().state == "rolling out"
    production, statuses = here.under_clients([1.0, 2.0, 3.0, 4.0, 500.0])
    assert (production.state, production.serving) == ("rolled back", 1)
    assert words in production.reason
    assert 1 <= len([status for status in statuses if status != 200]) <= 20
    assert here.ask([500.0] * 8) == [200] * 8
    here.git.want("production", wanted(version, replicas=2), by="ada")
    assert here.reconcile(wait_s=0)[1].state == "rolling out"  # another commit: it is tried again


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("model: m\nversion: [3", "production.yaml is no YAML"),
        ("model: m\nverison: 3", "verison: Extra inputs"),
        ("model: m\nversion: 1000\n", "version 1000 of m has not passed staging yet"),
    ],
)
def test_a_file_that_nobody_can_follow_leaves_production_alone(here, text, words):
    """The commit is named with what is wrong; a mended one goes on."""
    commit = here.git.commit({"production.yaml": text}, by="ada", message="oops")
    _, production = here.reconcile()
    assert (production.commit, production.serving) == (commit.id, 1)
    assert production.state in ("refused", "waiting")
    assert words in production.reason
    assert here.ask(ORDINARY) == [200] * 3


def test_a_version_without_a_smoke_test_and_a_vanished_file(here):
    """Neither is guessed at: what is not said is not done, and a removed file stops nothing."""
    here.git.want("staging", wanted(4), by="ada")
    staging, _ = here.reconcile()
    assert staging.state == "refused"
    assert "Commit expected/m-4.json" in staging.reason
    here.git._git("rm", "--quiet", "staging.yaml")
    here.git._git("commit", "--quiet", "--message=gone", by="ada")
    staging, _ = here.reconcile()
    assert (staging.state, staging.serving) == ("nothing wanted", 1)


def test_what_somebody_did_by_hand_is_told_and_set_right(here):
    """More replicas, or another version altogether; looking alone changes nothing."""
    for spec in (Spec(replicas={1: 2}, shares={1: 1.0}), Spec(replicas={2: 1}, shares={2: 1.0})):
        here.cluster.apply("production", spec)
        told = status(here.git, here.cluster, Records(here.folder), "production")
        assert told.drift == (f"{spec} instead of 1 × version 1 (100%)",)
        _, production = here.reconcile()
        assert (production.state, production.drift) == ("in place", told.drift)
        wait(lambda: here.cluster.look("production").settled)
        assert here.cluster.look("production").spec == Spec(replicas={1: 1}, shares={1: 1.0})
        assert here.reconcile()[1].drift == ()
    assert here.ask(ORDINARY) == [200] * 3


def test_two_deploys_at_once(here):
    """One works, the other says so and does nothing."""
    here.ask_for("staging", 2)
    with FileLock(here.folder / "lock"), pytest.raises(DeliveryError, match="another deploy is at work"):
        here.reconcile()
    assert here.cluster.look("staging").serving == 1


def test_nobody_to_judge_by_is_no_release(here):
    """A canary that gets no requests is taken back after its patience."""
    here.ask_for("staging", 3)
    impatient = Canary(steps=(CanaryStep(share=0.5, requests=20),), patience_s=0.05)
    here.git.want("production", wanted(3, canary=impatient), by="ada")
    here.until_staged()
    _, production = here.reconcile()
    assert (production.state, production.serving) == ("rolled back", 1)
    assert "20 are needed to judge it; 0.05 s were not enough" in production.reason


def test_another_commit_in_the_middle_of_a_canary(here):
    """The newest one counts: the canary in hand is broken off, and what is wanted now is brought about."""
    here.ask_for("staging", 5)
    asked = here.ask_for("production", 5)
    wait(lambda: here.reconcile(wait_s=0) and here.cluster.look("production").spec.shares == {1: 0.5, 5: 0.5})
    here.git.revert(asked.id, by="bob")
    production, statuses = here.under_clients(ORDINARY)
    assert (production.state, production.serving) == ("in place", 1)
    assert set(statuses) <= {200}
    assert set(here.cluster.look("production").spec.replicas) == {1}


def test_an_unreadable_record_is_named(here):
    """Nothing is changed by somebody who does not know where things stand."""
    path = here.folder / "production.json"
    before = path.read_text()
    path.write_text('{"environ')
    with pytest.raises(DeliveryError, match=r"production.json cannot be read"):
        here.reconcile()
    path.write_text(before)
    with (here.folder / "history.jsonl").open("a") as stream:
        stream.write('{"at": "20')
    assert json.dumps(Records(here.folder).history()[-1])


@pytest.fixture(scope="module")
def running_servers():
    with servers(1, 2) as found:
        yield found


def instant(folder, running_servers, **options):
    """Version 1 in both environments of a cluster without delays, version 2 in staging and asked for in production."""
    git = WantedRepository.create(folder / "wanted")
    here = World(git, InstantCluster(running_servers, **options), folder / "state")
    for version in (1, 2):
        here.ask_for("staging", version)
        here.reconcile()
        if version == 1:
            here.ask_for("production", version)
            here.reconcile()
    here.ask_for("production", 2)
    return here


@pytest.mark.thorough
@pytest.mark.parametrize("failed", [0, 500], ids=["finished", "taken back"])
def test_a_reconciler_killed_at_any_moment_is_followed_by_one_that_goes_on(tmp_path, running_servers, failed):
    """At each look and each order, before and after it: the next one ends where an undisturbed one would have, and in
    between somebody always served."""
    end = ("in place", 2) if not failed else ("rolled back", 1)
    here = instant(tmp_path, running_servers, seen={2: {"failed": failed}})
    cluster, kept = here.cluster, {path.name: path.read_text() for path in here.folder.glob("*.json")}
    specs, kill_at = {name: list(each) for name, each in cluster.specs.items()}, 0
    while True:
        cluster.specs = {name: list(each) for name, each in specs.items()}
        for name, text in kept.items():
            (here.folder / name).write_text(text)
        cluster.calls, kill_at = 0, kill_at + 1
        cluster.kill_at = kill_at
        try:
            reports = here.reconcile()
        except Killed:
            cluster.kill_at = None
            reports = here.reconcile()
        else:
            break
        assert states(reports)[1] == end, (kill_at, reports)
        assert all(spec.shares for spec in cluster.specs["production"][len(specs["production"]) :])
    assert states(reports)[1] == end
    assert kill_at > 10
