"""The lifecycle: what each move demands, who may approve, what rolls back, and what MLflow's own clients see."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from lib.errors import ArtifactCorrupted, IllegalMove, PromotionRefused, RegistryError, UnfitRun, UnknownVersion
from lib.registry import (
    MOVES,
    Approval,
    Evidence,
    find_version,
    history,
    load,
    promote,
    register,
    repair,
    rollback,
    served_at,
)
from lib.tracking.client import local_folder, open_client
from tests.lib.registered import OK, a_run, another, champion, houses, settings_in, staged, weak_and_good


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    """One pair of stores; every test has a model of its own in it."""
    return settings_in(tmp_path_factory.mktemp("registry"))


@pytest.fixture(scope="module")
def runs(settings):
    return weak_and_good(settings)


@pytest.fixture
def name(request):
    """The model of this test."""
    return request.node.name.partition("[")[0]


def passes(candidate, champion):
    return Evidence(id="passes", passed=True, measured=1.0, threshold=0.5, reason="it does")


def fails(candidate, champion):
    return Evidence(id="fails", passed=False, measured=0.1, threshold=0.5, reason="too little")


def places(name, settings):
    """What MLflow's own client sees: aliases, and the stage tag of each version."""
    client = open_client(settings)
    tags = {int(found.version): found.tags["stage"] for found in client.search_model_versions(f"name = '{name}'")}
    return {key: int(value) for key, value in client.get_registered_model(name).aliases.items()}, tags


def test_a_version_goes_from_none_to_staging_to_production(settings, runs, name):
    """Each step is one entry in the ledger, and MLflow shows it."""
    version = register(runs[0], name, by="ada", settings=settings)
    assert (version.version, version.stage, version.by) == (1, "None", "ada")
    assert version.digest.startswith("sha256:")
    assert places(name, settings) == ({}, {1: "None"})
    promote(name, 1, to="Staging", by="ada", settings=settings)
    assert places(name, settings) == ({"staging": 1}, {1: "Staging"})
    done = promote(name, 1, to="Production", by="ada", reason="first", approval=OK, settings=settings)
    assert places(name, settings) == ({"champion": 1}, {1: "Production"})
    assert (done.from_stage, done.to_stage, done.by, done.approver) == ("Staging", "Production", "ada", "grace")
    entries = history(name, settings=settings)
    assert [(entry.sequence, entry.kind) for entry in entries] == [(1, "register"), (2, "promote"), (3, "promote")]
    assert entries[-1] == done
    assert find_version(name, 1, settings=settings).stage == "Production"


def test_promotion_archives_whoever_held_the_place(settings, runs, name):
    """Two entries at once: the champion goes, its successor comes."""
    champion(name, runs[0], settings)
    done = champion(name, runs[1], settings)
    assert places(name, settings) == ({"champion": 2, "previous": 1}, {1: "Archived", 2: "Production"})
    gone = history(name, settings=settings)[-2]
    assert (gone.version, gone.from_stage, gone.to_stage, gone.champion) == (1, "Production", "Archived", None)
    assert (done.champion, done.previous) == (2, 1)


def test_the_same_model_again_is_the_same_version(settings, runs, name):
    """A notebook cell that runs twice leaves one version."""
    first = register(runs[0], name, by="ada", settings=settings)
    assert register(runs[0], name, by="ada", settings=settings) == first
    assert len(history(name, settings=settings)) == 1


@pytest.mark.parametrize("source", ["None", "Staging", "Production", "Archived"])
def test_the_table_of_moves_is_what_happens(settings, runs, source):
    """From each stage: a legal move succeeds, any other names the legal ones and changes nothing."""
    name, way = f"moves-{source}", {"None": [], "Production": ["Staging", "Production"]}.get(source, [source])
    legal = [move.target for move in MOVES if move.source == source]
    for number, target in enumerate(legal, start=1):
        register(another(runs[0], settings) if number > 1 else runs[0], name, by="ada", settings=settings)
        for step in way:
            promote(name, number, to=step, by="ada", approval=OK, settings=settings)
        before = history(name, settings=settings)
        for other in {"None", "Staging", "Production", "Archived"} - set(legal):
            words = "in .* already" if other == source else f"may go to {' or '.join(legal)}, not to {other}"
            with pytest.raises(IllegalMove, match=words):
                promote(name, number, to=other, by="ada", approval=OK, settings=settings)
        assert history(name, settings=settings) == before
        done = promote(name, number, to=target, by="ada", reason="so", approval=OK, settings=settings)
        assert (done.from_stage, done.to_stage) == (source, target)


def test_a_withdrawal_needs_a_reason_and_leaves_no_champion(settings, runs, name):
    """Nothing answers then, and rollback brings the version back."""
    champion(name, runs[0], settings)
    with pytest.raises(IllegalMove, match="needs a reason"):
        promote(name, 1, to="Archived", by="ada", settings=settings)
    promote(name, 1, to="Archived", by="ada", reason="it insults people", settings=settings)
    assert places(name, settings) == ({"previous": 1}, {1: "Archived"})
    with pytest.raises(UnknownVersion, match=r"no version of .* is in Production"):
        load(name, settings=settings)
    back = rollback(name, by="ada", reason="it does not", settings=settings)
    assert (back.champion, back.previous) == (1, None)
    assert places(name, settings) == ({"champion": 1}, {1: "Production"})


def test_rollback_restores_and_can_be_undone(settings, runs, name):
    """In one call, with an entry of its own; a second one undoes the first."""
    champion(name, runs[0], settings)
    champion(name, runs[1], settings)
    back = rollback(name, by="linus", reason="errors after 14:00", settings=settings)
    assert (back.kind, back.version, back.by, back.champion, back.previous) == ("rollback", 1, "linus", 1, 2)
    assert load(name, settings=settings).version == 1
    assert places(name, settings) == ({"champion": 1, "previous": 2}, {1: "Production", 2: "Archived"})
    undone = rollback(name, by="linus", reason="it was the network", settings=settings)
    assert (undone.champion, undone.previous) == (2, 1)
    assert load(name, settings=settings).version == 2


def test_rollback_to_an_older_champion(settings, runs, name):
    """Where the last but one is bad too; a version that never answered is not restored."""
    third = another(runs[0], settings)
    for run in (*runs, third):
        champion(name, run, settings)
    never = staged(name, another(runs[0], settings), settings)
    assert rollback(name, to=1, by="ada", reason="both are bad", settings=settings).champion == 1
    with pytest.raises(IllegalMove, match="never in Production"):
        rollback(name, to=never.version, by="ada", reason="try", settings=settings)
    with pytest.raises(IllegalMove, match="in Production already"):
        rollback(name, to=1, by="ada", reason="try", settings=settings)
    with pytest.raises(IllegalMove, match="needs a reason"):
        rollback(name, by="ada", reason=" ", settings=settings)


def test_there_is_nothing_to_roll_back_to_at_first(settings, runs, name):
    """One champion has no predecessor."""
    champion(name, runs[0], settings)
    with pytest.raises(IllegalMove, match="no previous champion"):
        rollback(name, by="ada", reason="try", settings=settings)


def test_unknown_models_and_versions_are_named(settings, runs, name):
    """With what there is."""
    champion(name, runs[0], settings)
    for call in (
        lambda: promote("nobody", 1, to="Staging", by="ada", settings=settings),
        lambda: rollback("nobody", by="ada", reason="try", settings=settings),
        lambda: load("nobody", settings=settings),
        lambda: history("nobody", settings=settings),
        lambda: repair("nobody", settings=settings),
        lambda: served_at("nobody", datetime.now(UTC), settings=settings),
    ):
        with pytest.raises(UnknownVersion, match=f"no model 'nobody'.*'{name}'"):
            call()
    for version in (9, "two", "-1"):
        with pytest.raises(UnknownVersion, match=rf"no version '?{version}'?.*It has 1\."):
            promote(name, version, to="Staging", by="ada", settings=settings)
    with pytest.raises(UnknownVersion, match="'Prod' is no such stage"):
        load(name, "Prod", settings=settings)


def test_nobody_acts_namelessly(settings, runs, name):
    """The ledger says who did what."""
    for call in (
        lambda: register(runs[0], name, by=" ", settings=settings),
        lambda: promote(name, 1, to="Staging", by="", settings=settings),
        lambda: rollback(name, by="", reason="bad", settings=settings),
    ):
        with pytest.raises(RegistryError, match="names nobody"):
            call()


def test_names_that_mlflow_refuses_are_refused_and_quotes_are_fine(settings, runs, name):
    """With MLflow's own words."""
    with pytest.raises(RegistryError, match="MLflow refused: Invalid model name"):
        register(runs[0], "a/b", by="ada", settings=settings)
    champion("ada's", runs[0], settings)
    assert repair("ada's", settings=settings) == []


def test_only_a_finished_run_with_a_safe_model_is_registered(settings, name):
    """Failed, unfinished, deleted, unknown, or without a model: each says so, and no version appears."""
    client = open_client(settings)
    experiment = client.get_experiment_by_name(settings.experiment).experiment_id
    failed, running, deleted = (client.create_run(experiment).info.run_id for _ in range(3))
    client.set_tag(failed, "failure", "out of memory.")
    client.set_terminated(failed, "FAILED")
    client.set_terminated(deleted)
    client.delete_run(deleted)
    bare = a_run(settings, Ridge(), model_artifacts=False)
    cases = {failed: r"is FAILED \(out of memory\)", running: "is RUNNING", deleted: "is deleted"}
    for run_id, words in {**cases, bare: "has no model", "nobody": "no run 'nobody'"}.items():
        with pytest.raises(UnfitRun, match=words):
            register(run_id, name, by="ada", settings=settings)
    with pytest.raises(UnknownVersion):
        history(name, settings=settings)


def test_a_run_that_failed_after_it_was_registered_is_not_promoted(settings, runs, name):
    """The run is looked at again."""
    run_id = another(runs[0], settings)
    register(run_id, name, by="ada", settings=settings)
    open_client(settings).set_terminated(run_id, "FAILED")
    with pytest.raises(UnfitRun, match="is FAILED"):
        promote(name, 1, to="Staging", by="ada", settings=settings)


def test_every_gate_runs_and_a_failure_changes_nothing_but_leaves_its_evidence(settings, runs, name):
    """In the error, in the ledger and as an artifact of the run; what raises or answers oddly has failed."""

    def breaks(candidate, champion):
        raise ValueError("no rows today")

    version = staged(name, runs[0], settings)
    before = places(name, settings)
    words = r"3 of 4 gates failed\. fails: too little; breaks: it raised ValueError"
    gates = [fails, breaks, lambda candidate, champion: True, passes]
    with pytest.raises(PromotionRefused, match=words) as caught:
        promote(name, 1, to="Production", by="ada", reason="hope", gates=gates, approval=OK, settings=settings)
    assert places(name, settings) == before
    assert [found.passed for found in caught.value.evidence] == [False, False, False, True]
    entry = history(name, settings=settings)[-1]
    assert (entry.kind, entry.from_stage, entry.to_stage) == ("refused", "Staging", "Staging")
    assert entry.evidence == caught.value.evidence
    assert "it returned bool, not Evidence" in entry.evidence[2].reason
    client = open_client(settings)
    (path,) = [found.path for found in client.list_artifacts(version.run_id, f"registry/{name}")]
    report = json.loads((local_folder(client.get_run(version.run_id).info.artifact_uri) / path).read_text())
    assert (report["version"], report["champion"], report["passed"]) == (1, None, False)
    assert [found["id"] for found in report["evidence"]] == ["fails", "breaks", "<lambda>", "passes"]


def test_evidence_takes_what_numpy_measured():
    """As plain JSON; what JSON has no number for becomes text, and a word is no verdict."""
    found = Evidence(
        id="g", passed=np.bool_(True), measured={"x": np.float64(0.5), 1: np.nan}, threshold=(np.int64(3),)
    )
    assert json.loads(found.model_dump_json()) == {
        "id": "g", "passed": True, "measured": {"x": 0.5, "1": "nan"}, "threshold": [3], "reason": "",
    }  # fmt: skip
    with pytest.raises(ValueError, match="valid boolean"):
        Evidence(id="g", passed="no")
    with pytest.raises(ValueError, match="frozen"):
        found.passed = False


@pytest.mark.parametrize(
    ("approval", "words"),
    [
        (None, "nobody approved it"),
        (Approval(by="mallory", reason="mine"), "mallory may not approve"),
        (Approval(by="ada", reason="mine"), "ada registered it"),
        (Approval(by=" ADA", reason="mine"), "registered it"),
        (Approval(by="tess", reason="mine"), "tess trained it"),
    ],
)
def test_production_needs_the_approval_of_another_who_may(settings, runs, name, approval, words):
    """Nobody, a stranger, the registrant, the trainer: each is refused, and the refusal is in the ledger."""
    name = f"{name}-{words.replace(' ', '-')}-{approval and approval.by}"
    run_id = another(runs[0], settings, **{"mlflow.user": "tess"})
    staged(name, run_id, settings)
    with pytest.raises(PromotionRefused, match=words):
        promote(name, 1, to="Production", by="ada", approval=approval, settings=settings)
    entry = history(name, settings=settings)[-1]
    assert (entry.kind, entry.to_stage, entry.champion) == ("refused", "Staging", None)


def test_the_trainer_of_the_ledger_stays_the_trainer(settings, runs, name):
    """Rewriting the run's tag afterwards opens no way round."""
    run_id = another(runs[0], settings)
    client = open_client(settings)
    client.set_tag(run_id, "mlflow.user", "grace")
    staged(name, run_id, settings)
    client.set_tag(run_id, "mlflow.user", "somebody")
    with pytest.raises(PromotionRefused, match="grace trained it"):
        promote(name, 1, to="Production", by="ada", approval=OK, settings=settings)


def test_a_run_of_nobody_is_approved_by_nobody(settings, runs, name):
    """Where the trainer is unknown, the approver might be the one."""
    run_id = another(runs[0], settings)
    open_client(settings).delete_tag(run_id, "mlflow.user")
    staged(name, run_id, settings)
    with pytest.raises(PromotionRefused, match="nobody is named as the trainer"):
        promote(name, 1, to="Production", by="ada", approval=OK, settings=settings)


def test_the_right_to_approve_is_looked_up_at_the_promotion(settings, runs, name):
    """Somebody who lost it meanwhile is refused."""
    rights = {"grace"}

    def may_approve(person, model):
        assert model == name
        return person in rights

    staged(name, runs[0], settings)
    rights.clear()
    with pytest.raises(PromotionRefused, match="grace may not approve"):
        promote(name, 1, to="Production", by="ada", approval=OK, may_approve=may_approve, settings=settings)
    rights.add("grace")
    promote(name, 1, to="Production", by="ada", approval=OK, may_approve=may_approve, settings=settings)


def test_a_loaded_version_answers_and_a_new_champion_is_noticed(settings, runs, name):
    """The model is read once, the ledger each time; nothing of it can be set."""
    champion(name, runs[0], settings)
    first = load(name, settings=settings)
    rows = houses(5)[["a", "b"]]
    assert first.model.predict(rows).shape == (5,)
    assert first.signature.inputs.input_names() == ["a", "b"]
    assert load(name, settings=settings).model is first.model
    with pytest.raises(AttributeError):
        first.version = 2
    champion(name, runs[1], settings)
    second = load(name, settings=settings)
    assert (second.version, second.run_id) == (2, runs[1])
    assert second.model is not first.model
    staged(name, another(runs[0], settings), settings)
    assert load(name, "Staging", settings=settings).version == 3


def test_mlflow_loads_the_champion_by_its_alias(settings, runs, name, monkeypatch):
    """Any client does, and that it leaves its own file beside the model is no corruption."""
    import mlflow

    champion(name, runs[1], settings)
    rows = houses(5)[["a", "b"]]
    monkeypatch.setenv("MLFLOW_TRACKING_URI", settings.store_uri)
    theirs = mlflow.sklearn.load_model(f"models:/{name}@champion").predict(rows)
    assert theirs.tolist() == load(name, settings=settings).model.predict(rows).tolist()
    with pytest.raises(IllegalMove, match="no previous champion"):
        rollback(name, by="ada", reason="digest is looked at", settings=settings)
    champion(name, runs[0], settings)
    assert rollback(name, by="ada", reason="digest is looked at", settings=settings).champion == 1


def test_who_served_at_an_instant(settings, runs, name):
    """From the ledger; before the first champion nobody did."""
    before = datetime.now(UTC)
    first = champion(name, runs[0], settings)
    second = champion(name, runs[1], settings)
    third = rollback(name, by="ada", reason="bad", settings=settings)
    instants = (before, first.at, second.at - timedelta(microseconds=1), second.at, third.at, datetime.now(UTC))
    assert [served_at(name, when, settings=settings) for when in instants] == [None, 1, 1, 2, 1, 1]
    with pytest.raises(RegistryError, match="no time zone"):
        served_at(name, datetime(2026, 1, 1), settings=settings)  # noqa: DTZ001  the mistake itself


def test_repair_says_what_an_outsider_changed(settings, runs, name):
    """Aliases and tags follow the ledger again; a version that was made outside is marked."""
    champion(name, runs[0], settings)
    champion(name, runs[1], settings)
    client = open_client(settings)
    client.set_registered_model_alias(name, "champion", "1")
    client.delete_registered_model_alias(name, "previous")
    client.set_registered_model_alias(name, "staging", "1")
    client.set_model_version_tag(name, "1", "stage", "Production")
    source = client.get_model_version(name, "1").source
    client.create_model_version(name, source, await_creation_for=0)
    assert load(name, settings=settings).version == 2
    assert sorted(repair(name, settings=settings)) == [
        f"{name}: alias champion named version 1, the ledger says version 2",
        f"{name}: alias previous named no version, the ledger says version 1",
        f"{name}: alias staging named version 1, the ledger says no version",
        f"{name}: version 1 was tagged Production, the ledger says Archived",
        f"{name}: version 3 was tagged with no stage, the ledger says unregistered",
    ]
    assert repair(name, settings=settings) == []
    assert places(name, settings) == (
        {"champion": 2, "previous": 1},
        {1: "Archived", 2: "Production", 3: "unregistered"},
    )
    with pytest.raises(UnknownVersion, match="made in MLflow itself has no entry"):
        promote(name, 3, to="Staging", by="ada", settings=settings)


def test_a_version_deleted_in_mlflow_is_said_and_blocks_nobody_else(settings, runs, name):
    """Its files cannot be had back, and the others move on."""
    champion(name, runs[0], settings)
    staged(name, runs[1], settings)
    open_client(settings).delete_model_version(name, "1")
    assert any("version 1 was deleted in MLflow" in said for said in repair(name, settings=settings))
    assert promote(name, 2, to="Production", by="ada", approval=OK, settings=settings).champion == 2
    with pytest.raises(UnknownVersion, match="deleted there"):
        rollback(name, by="ada", reason="try", settings=settings)


def test_changed_files_are_refused_before_they_are_read(settings, runs, name, monkeypatch):
    """Promotion, rollback and load; the reader is not even called."""
    run_id = a_run(settings, Ridge(alpha=9.0))
    other = another(runs[0], settings)
    champion(name, run_id, settings)
    file = local_folder(open_client(settings).get_model_version(name, "1").source) / "model.skops"
    content = file.read_bytes()
    file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    monkeypatch.setattr("lib.tracking.safe_format.load", lambda *a, **k: pytest.fail("deserialised"))
    with pytest.raises(ArtifactCorrupted, match=r"version 1 of .* have the digest sha256:\w+, and sha256:"):
        load(name, settings=settings)
    champion(name, other, settings)
    before = history(name, settings=settings)
    with pytest.raises(ArtifactCorrupted):
        rollback(name, by="ada", reason="bad", settings=settings)
    with pytest.raises(ArtifactCorrupted):
        promote(name, 1, to="Staging", by="ada", settings=settings)
    file.unlink()
    with pytest.raises(ArtifactCorrupted):
        promote(name, 1, to="Staging", by="ada", settings=settings)
    assert history(name, settings=settings) == before
