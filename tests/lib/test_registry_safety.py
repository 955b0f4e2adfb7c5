"""Many promoters at once, a kill at any line of a transition, and stores that do not answer."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import signal
import socket
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lib.errors import Conflict, IllegalMove, StoreUnavailable
from lib.registry import Evidence, artifact, history, load, promote, register, repair, rollback
from lib.tracking.client import open_client
from tests.lib.registered import OK, another, champion, settings_in, staged, weak_and_good

PROMOTION_S = 60.0


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    return settings_in(tmp_path_factory.mktemp("safety"))


@pytest.fixture(scope="module")
def runs(settings):
    return weak_and_good(settings)


def require_agreement(name, settings):
    """At most one champion at any time, places that follow from the moves, and MLflow in agreement with the ledger."""
    entries = history(name, settings=settings)
    assert [entry.sequence for entry in entries] == list(range(1, len(entries) + 1))
    stages = {}
    for entry in entries:
        assert stages.get(entry.version) == entry.from_stage
        stages[entry.version] = entry.to_stage
        for stage, place in (("Production", entry.champion), ("Staging", entry.staging)):
            assert [version for version, found in stages.items() if found == stage] == (
                [] if place is None else [place]
            )
    client, head = open_client(settings), entries[-1]
    tags = {int(found.version): found.tags.get("stage") for found in client.search_model_versions(f"name = '{name}'")}
    assert {version: stage for version, stage in tags.items() if stage != "unregistered"} == stages
    wanted = {"champion": head.champion, "staging": head.staging, "previous": head.previous}
    aliases = {alias: int(version) for alias, version in client.get_registered_model(name).aliases.items()}
    assert aliases == {alias: version for alias, version in wanted.items() if version is not None}


def attempt(name, version, settings, *, to="Production"):
    """What became of one promotion: a word."""
    try:
        promote(name, version, to=to, by=f"promoter {version}", approval=OK, settings=settings)
    except (Conflict, IllegalMove) as error:
        return type(error).__name__
    return "promoted"


def in_processes(number, task):
    """Run `task(index)` in forked processes that start at the same moment; their answers."""
    forked = multiprocessing.get_context("fork")
    gate, answers = forked.Barrier(number), forked.SimpleQueue()

    def child(index):
        gate.wait()
        answers.put(task(index))

    children = [forked.Process(target=child, args=(index,)) for index in range(number)]
    for each in children:
        each.start()
    found = []
    for each in children:
        each.join(PROMOTION_S)
        assert each.exitcode == 0
        found.append(answers.get())
    return found


@pytest.mark.parametrize("promoters", [2, 10])
def test_processes_that_promote_the_same_version_at_once(settings, runs, promoters):
    """One wins; the others are told, and nothing is done twice."""
    name = f"same-{promoters}"
    champion(name, runs[0], settings)
    staged(name, runs[1], settings)
    found = Counter(in_processes(promoters, lambda _: attempt(name, 2, settings)))
    assert found["promoted"] == 1
    assert sum(found.values()) == promoters
    assert sum(entry.to_stage == "Production" for entry in history(name, settings=settings)) == 2
    require_agreement(name, settings)


def test_ten_processes_want_staging_for_versions_of_their_own(settings, runs):
    """Some win, one after the other; whoever saw an older state is told so."""
    name = "ten"
    for _ in range(10):
        register(another(runs[0], settings), name, by="ada", settings=settings)
    found = Counter(in_processes(10, lambda index: attempt(name, index + 1, settings, to="Staging")))
    assert found["promoted"] >= 1
    assert found["promoted"] + found["Conflict"] == 10
    moved = [entry for entry in history(name, settings=settings) if entry.to_stage == "Staging"]
    assert len(moved) == found["promoted"]
    require_agreement(name, settings)


@pytest.mark.thorough
def test_fifty_promoters_in_five_processes(settings, runs):
    """Promotions, rollbacks and archivings of three versions, all mixed: the ledger stays a chain of legal moves."""
    name = "fifty"
    for run in (*runs, another(runs[0], settings)):
        champion(name, run, settings)

    def move(number):
        with contextlib.suppress(Conflict, IllegalMove):
            if number % 3 == 0:
                rollback(name, by=f"promoter {number}", reason="test", settings=settings)
            else:
                promote(name, number % 3, to="Staging", by=f"promoter {number}", settings=settings)
                promote(name, number % 3, to="Production", by=f"promoter {number}", approval=OK, settings=settings)

    def ten_threads(process):
        with ThreadPoolExecutor(10) as pool:
            list(pool.map(move, range(10 * process, 10 * process + 10)))

    before = len(history(name, settings=settings))
    in_processes(5, ten_threads)
    assert len(history(name, settings=settings)) > before
    repair(name, settings=settings)
    require_agreement(name, settings)


def test_registering_meanwhile_does_not_stand_in_the_way(settings, runs):
    """What was checked still holds when somebody only adds a version: the promotion goes through behind it."""
    name, added = "meanwhile", another(runs[0], settings)
    champion(name, runs[0], settings)
    staged(name, runs[1], settings)

    def adds(candidate, seen):
        register(added, name, by="linus", settings=settings)
        return Evidence(id="adds", passed=True)

    done = promote(name, 2, to="Production", by="ada", gates=[adds], approval=OK, settings=settings)
    assert [entry.kind for entry in history(name, settings=settings)][-3:] == ["register", "archive", "promote"]
    assert done.champion == 2
    require_agreement(name, settings)


def test_a_champion_that_changed_during_the_gates_is_a_conflict(settings, runs):
    """They compared with the former one; the error names who was quicker."""
    name, rival = "rival", another(runs[0], settings)
    champion(name, runs[0], settings)
    version = staged(name, runs[1], settings).version

    def overtaken(candidate, seen):
        promote(name, 2, to="Archived", by="linus", settings=settings)
        champion(name, rival, settings)
        promote(name, 2, to="Staging", by="linus", settings=settings)
        return Evidence(id="overtaken", passed=True)

    with pytest.raises(Conflict, match=r"somebody was quicker \(.*linus: version 2.*\).*try again"):
        promote(name, version, to="Production", by="ada", gates=[overtaken], approval=OK, settings=settings)
    assert load(name, settings=settings).version == 3
    require_agreement(name, settings)


def test_staging_meanwhile_does_not_hold_up_a_rollback(settings, runs, monkeypatch):
    """In an emergency, what goes on in another place is no reason to stop."""
    name, real = "emergency", artifact.verify
    champion(name, runs[0], settings)
    champion(name, runs[1], settings)
    register(another(runs[0], settings), name, by="ada", settings=settings)

    def stages_first(*arguments, **more):
        monkeypatch.setattr(artifact, "verify", real)
        promote(name, 3, to="Staging", by="linus", settings=settings)
        real(*arguments, **more)

    monkeypatch.setattr(artifact, "verify", stages_first)
    done = rollback(name, by="ada", reason="errors", settings=settings)
    assert (done.champion, done.staging) == (1, 3)
    require_agreement(name, settings)


def lines_of(action):
    """How many lines of lib.registry `action` runs, counted as `die_at` counts them."""
    return _traced(action, limit=None)


def _traced(action, *, limit):
    seen = 0
    folder = str(Path(sys.modules["lib.registry"].__file__).parent)

    def tracer(frame, event, argument):
        nonlocal seen
        if not frame.f_code.co_filename.startswith(folder):
            return None
        if event == "line":
            seen += 1
            if seen == limit:
                os.kill(os.getpid(), signal.SIGKILL)
        return tracer

    sys.settrace(tracer)
    try:
        action()
    finally:
        sys.settrace(None)
    return seen


@pytest.mark.thorough
def test_a_kill_at_any_moment_leaves_one_champion_and_repair_mends_the_rest(settings, runs):
    """SIGKILL at 24 lines spread over a promotion, each in a process of its own; then the next one goes through."""
    name = "killed"
    for run in (runs[0], another(runs[0], settings)):
        champion(name, run, settings)
    forked = multiprocessing.get_context("fork")

    def moves():
        rollback(name, by="ada", reason="test", settings=settings)

    total = lines_of(moves)
    require_agreement(name, settings)
    mended, done = [], set()
    for step in range(1, 25):
        head = history(name, settings=settings)[-1]
        child = forked.Process(target=_traced, args=(moves,), kwargs={"limit": total * step // 24})
        child.start()
        child.join(PROMOTION_S)
        assert child.exitcode in (-signal.SIGKILL, 0)
        after = history(name, settings=settings)[-1]
        assert after.sequence - head.sequence in (0, 2)
        assert load(name, settings=settings).version == after.champion
        done.add(after.sequence - head.sequence)
        mended += repair(name, settings=settings)
        require_agreement(name, settings)
    assert done == {0, 2}
    assert any("alias champion" in said for said in mended)
    assert any("was tagged Production" in said for said in mended)
    rollback(name, by="ada", reason="it still works", settings=settings)
    require_agreement(name, settings)


def test_a_kill_during_registration_leaves_a_version_that_is_marked(settings, runs):
    """Registering again gives the next number; what was left is told apart."""
    name = "half"
    champion(name, runs[0], settings)
    forked = multiprocessing.get_context("fork")

    def dies():
        from lib.registry.ledger import Ledger

        Ledger.append = lambda *a: os.kill(os.getpid(), signal.SIGKILL)
        register(runs[1], name, by="ada", settings=settings)

    child = forked.Process(target=dies)
    child.start()
    child.join(PROMOTION_S)
    assert child.exitcode == -signal.SIGKILL
    assert repair(name, settings=settings) == [
        f"{name}: version 2 was tagged with no stage, the ledger says unregistered"
    ]
    assert register(runs[1], name, by="ada", settings=settings).version == 3
    require_agreement(name, settings)


def test_mlflow_failing_after_the_entry_is_said_and_load_follows_the_ledger(settings, runs, monkeypatch):
    """The move is made; the error says so, and what repair then does."""
    name = "untold"
    champion(name, runs[0], settings)
    staged(name, runs[1], settings)
    with monkeypatch.context() as patch:
        patch.setattr(
            "mlflow.MlflowClient.set_registered_model_alias", lambda *a: (_ for _ in ()).throw(OSError("gone"))
        )
        with pytest.raises(
            StoreUnavailable, match=r"the move is made \(ledger entry 7 .*MLflow could not be told: gone"
        ):
            promote(name, 2, to="Production", by="ada", approval=OK, settings=settings)
    assert load(name, settings=settings).version == 2
    assert repair(name, settings=settings)
    require_agreement(name, settings)


@pytest.fixture
def closed_port():
    """A port of this machine on which nobody listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@pytest.mark.parametrize("scheme", ["http", "postgresql"])
def test_a_tracking_store_that_is_down_is_said_within_seconds(settings, runs, closed_port, scheme):
    """And nothing has changed."""
    name = f"down-{scheme}"
    staged(name, runs[0], settings)
    before = history(name, settings=settings)
    down = settings.model_copy(update={"tracking_uri": f"{scheme}://127.0.0.1:{closed_port}"})
    started = time.monotonic()
    for call in (
        lambda: promote(name, 1, to="Production", by="ada", approval=OK, settings=down),
        lambda: register(runs[1], name, by="ada", settings=down),
        lambda: repair(settings=down),
    ):
        with pytest.raises(StoreUnavailable, match=rf"tracking store {scheme}://127.0.0.1:\d+ cannot be used"):
            call()
    assert time.monotonic() - started < 10
    assert history(name, settings=settings) == before


def test_a_ledger_that_is_down_is_said_within_seconds(settings, runs, closed_port, tmp_path):
    """No server, no such driver, no folder, a file that is no database; a password is not told."""
    staged("ledger-down", runs[0], settings)
    (tmp_path / "text.db").write_text("this is no database, but long enough to look like one" * 40)
    started = time.monotonic()
    for uri in (
        f"postgresql://course:secret@127.0.0.1:{closed_port}/registry",
        "oracle+nothing://somewhere/registry",
        "not a uri",
        f"sqlite:///{tmp_path / 'text.db'}",
        "sqlite:////proc/registry.db",
    ):
        down = settings.model_copy(update={"ledger_uri": uri})
        with pytest.raises(StoreUnavailable, match=r"the ledger .* cannot be used") as caught:
            promote("ledger-down", 1, to="Production", by="ada", approval=OK, settings=down)
        assert "secret" not in str(caught.value)
        with pytest.raises(StoreUnavailable):
            load("ledger-down", settings=down)
    assert time.monotonic() - started < 20
    require_agreement("ledger-down", settings)


def test_a_tracking_file_that_is_no_database_is_said(settings, runs, tmp_path):
    """As a store that cannot be used."""
    staged("broken", runs[0], settings)
    (tmp_path / "mlflow.db").write_text(json.dumps(["no database"] * 100))
    down = settings.model_copy(update={"tracking_uri": f"sqlite:///{tmp_path / 'mlflow.db'}"})
    with pytest.raises(StoreUnavailable, match=r"the tracking store sqlite:.* cannot be used"):
        promote("broken", 1, to="Production", by="ada", approval=OK, settings=down)
