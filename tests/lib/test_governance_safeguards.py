"""Signers and policy hold wherever a version is loaded, tried or released; without a check, nothing signed is read."""

from __future__ import annotations

import json

import pytest
from sklearn.linear_model import Ridge

from lib.cli import main
from lib.cli_safeguards import safeguards
from lib.delivery.stages import RegistryStages
from lib.delivery.trial import expect_champion
from lib.errors import PromotionRefused, ProvenanceError, RegistryError
from lib.governance.provenance import sign_version
from lib.governance.signing_keys import write_signing_keys
from lib.registry import history, load, load_version, rollback
from lib.registry.safeguards import Safeguards
from lib.serving.batch import score_table
from lib.serving.replica import Replica
from lib.settings import Settings
from tests.lib.registered import a_run, another, champion, houses, settings_in
from tests.lib.serving_tools import wait

UNSIGNED, SIGNED = 1, 2


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Keys, and two runs of the same model."""
    folder = tmp_path_factory.mktemp("safeguards")
    write_signing_keys(folder / "keys")
    run_id = a_run(settings_in(folder), Ridge())
    return folder, (run_id, another(run_id, settings_in(folder)))


@pytest.fixture
def name(request):
    return request.node.name


@pytest.fixture
def settings(runs, name, tmp_path, monkeypatch):
    """Version 1 answered before anybody signed; version 2, which is signed, answers now."""
    folder, run_ids = runs
    private, public = (folder / "keys" / f"signing_key.{half}" for half in ("pem", "pub"))
    places = {"root": tmp_path, "tracking_uri": f"sqlite:///{folder}/mlflow.db", "served_model": name}
    for run in run_ids:
        champion(name, run, settings_in(**places))
    sign_version(name, SIGNED, by="ada", private_key=private, settings=Settings(**places))
    signers = json.dumps([str(public)])
    for field, value in {**places, "signers": signers, "signing_key": private}.items():
        monkeypatch.setenv(f"MLOPS_{field.upper()}", str(value))
    return settings_in(tmp_path)


def test_nothing_is_read_without_a_check(settings, name):
    """Whoever forgets to give one gets an error, and no model; with it, the signed version alone."""
    with pytest.raises(
        RegistryError, match=r"only what is signed may be read \(MLOPS_SIGNERS\), and nothing was given"
    ):
        load(name, settings=settings)
    admit = safeguards(settings).admit
    assert load(name, admit=admit, settings=settings).version == SIGNED
    with pytest.raises(ProvenanceError, match="is not signed"):
        load_version(name, UNSIGNED, admit=admit, settings=settings)
    assert expect_champion(name, settings=settings, admit=admit).model_version == SIGNED


def test_fall_back_goes_to_nothing_unsigned(settings, name, capsys):
    """By command and by name: refused, in the ledger with the reason; signed, it answers, and may be undone."""
    asked = ["--by", "ada", "--reason", "bad answers"]
    assert main(["actions", "fall-back", *asked]) == 1
    assert f"version {UNSIGNED} of {name} is not signed" in capsys.readouterr().out
    last = history(name, settings=settings)[-1]
    assert (last.kind, last.champion, [each.id for each in last.evidence]) == ("refused", SIGNED, ["signed"])
    with pytest.raises(PromotionRefused, match="1 of 1 gates failed"):
        rollback(name, by="ada", reason="bad", gates=safeguards(settings).release, settings=settings)
    sign_version(name, UNSIGNED, by="ada", private_key=settings.signing_key, settings=settings)
    assert main(["actions", "fall-back", *asked]) == 0
    assert main(["actions", "undo", "4", *asked]) == 0
    assert history(name, settings=settings)[-1].champion == SIGNED


def test_delivery_bars_what_breaks_the_policy(settings, name):
    """Each rule that stops is named; an entry of the policy that nobody can read stops everything."""
    asked = RegistryStages(settings, safeguards(settings))
    assert asked.barred("staging", name, SIGNED) is None
    assert "signed: version 1" in asked.barred("staging", name, UNSIGNED)
    policy = settings.root / "policy.toml"
    policy.write_text('[[rules]]\nid = "card"\ncheck = "card_complete"\nseverity = "block"\nwhy = "Someone asks."\n')
    strict = RegistryStages(settings, safeguards(settings.model_copy(update={"policy": policy})))
    assert strict.barred("staging", name, SIGNED) is None
    assert strict.barred("production", name, SIGNED).startswith("card: it has no card.")
    assert RegistryStages(settings, Safeguards()).barred("production", name, UNSIGNED) is None
    with pytest.raises(ProvenanceError, match="there is no signing key"):
        safeguards(settings.model_copy(update={"signing_key": settings.root / "gone"}))


def test_batch_by_name_asks_for_the_signature(settings, name, tmp_path, capsys):
    """Nothing is published from a champion that is not signed, whichever way it is asked for."""
    table, to = tmp_path / "houses.parquet", tmp_path / "scores"
    houses(50).to_parquet(table)
    words = ["batch", str(table), str(to), "--model", name, "--key", "id"]
    rollback(name, by="ada", reason="to try it", settings=settings)
    assert main(words) == 1
    assert f"version {UNSIGNED} of {name} is not signed" in capsys.readouterr().err
    with pytest.raises(RegistryError, match="nothing was given to check"):
        score_table(table, to, model=name, key="id", settings=settings)
    assert not to.exists()
    rollback(name, by="ada", reason="enough", settings=settings)
    assert main(words) == 0
    assert f"version {SIGNED} of {name} scored 50 of 50 rows" in capsys.readouterr().out


@pytest.mark.thorough
def test_a_replica_of_the_cluster_reads_only_what_is_signed(settings, name):
    """As `cluster run` starts them: one never is ready and says why, the other answers."""
    from lib.cli_safeguards import admitting

    with Replica(name, settings=settings, version=UNSIGNED, equip=admitting) as replica:
        wait(lambda: "is not signed" in _ready(replica)[1])
        assert _ready(replica)[0] == 503
    with Replica(name, settings=settings, version=SIGNED, equip=admitting) as replica:
        replica.wait_ready()


def _ready(replica: Replica) -> tuple[int, str]:
    try:
        status, body = replica.get("/ready")
    except OSError:
        return 0, ""
    return status, body.decode()
