"""Only what is signed as this very version is read; attacked are files, statement, signature and ledger."""

from __future__ import annotations

import contextlib
import json
import pickle
import shutil
import sqlite3
import subprocess
import sys
import zipfile
from pathlib import Path

import pandas as pd
import pytest
import yaml
from sklearn.linear_model import Ridge

from lib.cli_actions import equip_server
from lib.errors import ArtifactCorrupted, PromotionRefused, ProvenanceError, RegistryError
from lib.governance.provenance import Signed, export_signed, sign_version, signed, verify_version
from lib.governance.signing_keys import read_public_key, write_signing_keys
from lib.registry import artifact, load, load_version, promote, register
from lib.registry.stores import open_stores
from lib.serving import create_app
from lib.serving.current import wanted_version
from lib.settings import sqlite_path
from lib.tracking.client import open_client
from lib.tracking.read import model_folder, ready_model
from tests.lib.registered import OK, a_run, another, settings_in
from tests.lib.serving_tools import serving


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    return settings_in(tmp_path_factory.mktemp("provenance"))


@pytest.fixture(scope="module")
def run_id(settings):
    return a_run(settings, Ridge())


@pytest.fixture(scope="module")
def ours(tmp_path_factory):
    return write_signing_keys(tmp_path_factory.mktemp("ours"))


@pytest.fixture(scope="module")
def strangers(tmp_path_factory):
    return write_signing_keys(tmp_path_factory.mktemp("strangers"))


@pytest.fixture
def name(request):
    return request.node.name.replace("[", "-").replace("]", "")


@pytest.fixture
def unsigned(settings, run_id, name):
    """A registered version with files of its own, which a test may spoil."""
    return register(another(run_id, settings), name, by="ada", settings=settings)


@pytest.fixture
def version(settings, ours, unsigned):
    """The same, signed by us."""
    sign_version(unsigned.name, unsigned.version, by="ada", private_key=ours[0], settings=settings)
    return unsigned


@pytest.fixture(autouse=True)
def nothing_in_memory():
    """What was read once would be answered from memory."""
    artifact._models.clear()


def folder_of(run_id, settings) -> Path:
    client = open_client(settings)
    return model_folder(ready_model(client, client.get_run(run_id)).artifact_location)


def files_of(version, settings) -> Path:
    return folder_of(version.run_id, settings)


def kept_of(version, settings) -> Path:
    """Where statement and signature are kept."""
    folder = open_client(settings).get_run(version.run_id).info.artifact_uri
    return model_folder(folder) / "provenance" / version.name / f"version-{version.version}"


def registered_as_found(version, settings):
    """The attacker has the ledger too: its guard is lifted, and the digest there becomes that of the files now."""
    found = artifact.digest(files_of(version, settings))
    with contextlib.closing(sqlite3.connect(sqlite_path(settings.ledger_store_uri))) as ledger, ledger:
        guards = ledger.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for guard, _ in guards:
            ledger.execute(f"DROP TRIGGER {guard}")
        ledger.execute("UPDATE ledger SET digest = ? WHERE digest = ?", [found, version.digest])
        for _, sql in guards:
            ledger.execute(sql)


def refused(version, settings, ours, match, error=ProvenanceError):
    admit = Signed((read_public_key(ours[1]),), settings)
    with pytest.raises(error, match=match):
        load_version(version.name, version.version, admit=admit, settings=settings)
    with pytest.raises(error, match=match):
        verify_version(version.name, version.version, signers=admit.signers, settings=settings)


def test_a_signed_version_loads_and_says_who_vouched_for_it(settings, ours, version):
    """The statement names version, run and data; the model answers."""
    signer = read_public_key(ours[1])
    statement = verify_version(version.name, version.version, signers=[signer], settings=settings)
    assert (statement.name, statement.version, statement.run_id) == (version.name, version.version, version.run_id)
    assert (statement.digest, statement.signed_by) == (version.digest, "ada")
    admit = Signed((signer,), settings)
    loaded = load_version(version.name, version.version, admit=admit, settings=settings)
    assert loaded.model.predict(pd.DataFrame({"a": [1.0], "b": [1.0]})) == pytest.approx(2.0, abs=0.3)
    again = load_version(version.name, version.version, admit=Signed((signer,), settings), settings=settings)
    assert again.model is loaded.model


def test_the_reference_tool_verifies_what_was_signed(settings, ours, strangers, version, tmp_path):
    """model-signing's own command, in a process of its own, agrees, and disagrees about a stranger's key."""
    signature = export_signed(version.name, version.version, tmp_path / "out", settings=settings)
    assert signature == tmp_path / "out" / "model.sig"

    def verifies(key):
        command = [sys.executable, "-m", "model_signing", "verify", "key", str(signature.parent / "signed")]
        command += ["--signature", str(signature), "--public_key", str(key)]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)

    ok, stranger = verifies(ours[1]), verifies(strangers[1])
    assert ok.returncode == 0, ok.stderr
    assert stranger.returncode != 0


def test_an_unsigned_version_is_not_read(settings, ours, unsigned):
    """However sound it is."""
    refused(unsigned, settings, ours, "is not signed")
    assert load_version(unsigned.name, unsigned.version, settings=settings)  # without the demand it can be


def test_a_strangers_signature_is_none(settings, ours, strangers, unsigned):
    """Anybody can make a key; whose count is said by who loads."""
    sign_version(unsigned.name, unsigned.version, by="ada", private_key=strangers[0], settings=settings)
    refused(unsigned, settings, ours, "no signature that is trusted")
    with pytest.raises(ProvenanceError, match="nobody is trusted"):
        verify_version(unsigned.name, unsigned.version, signers=[], settings=settings)


def test_taking_a_key_back_takes_effect_at_once(settings, ours, strangers, version):
    """What only that key has signed is not read any more, though it is in memory."""
    both = Signed((read_public_key(strangers[1]), read_public_key(ours[1])), settings)
    assert load_version(version.name, version.version, admit=both, settings=settings)
    with pytest.raises(ProvenanceError, match="no signature that is trusted"):
        load_version(version.name, version.version, admit=Signed(both.signers[:1], settings), settings=settings)


@pytest.mark.parametrize("spoil", ["changed", "added", "removed", "hidden"])
def test_tampered_files_are_not_read(settings, ours, version, spoil):
    """Refused by the digest, and by the signature where the attacker has mended the digest in the ledger."""
    folder = files_of(version, settings)
    if spoil == "changed":
        with (folder / "requirements.txt").open("a") as stream:
            stream.write("evil\n")
    elif spoil == "added":
        (folder / "extra.py").write_text("print('hello')")
    elif spoil == "hidden":
        (folder / ".gitattributes").write_text("* filter=evil")
    else:
        (folder / "requirements.txt").unlink()
    refused(version, settings, ours, "digest", ArtifactCorrupted)
    registered_as_found(version, settings)
    refused(version, settings, ours, "Signature mismatch")


def test_swapped_versions_are_not_read(settings, run_id, ours, version):
    """Another version's files with their own, valid signature, and the ledger mended to fit: still another one."""
    weaker = another(run_id, settings)
    with (folder_of(weaker, settings) / "requirements.txt").open("a") as stream:
        stream.write("# another version\n")
    other = register(weaker, version.name, by="ada", settings=settings)
    sign_version(other.name, other.version, by="ada", private_key=ours[0], settings=settings)
    shutil.rmtree(files_of(version, settings))
    shutil.copytree(files_of(other, settings), files_of(version, settings))
    shutil.copytree(kept_of(other, settings), kept_of(version, settings), dirs_exist_ok=True)
    refused(version, settings, ours, "digest", ArtifactCorrupted)
    registered_as_found(version, settings)
    refused(version, settings, ours, f"what is signed is version {other.version}")


def test_a_rewritten_statement_is_not_believed(settings, ours, version):
    """Its text is covered by the signature."""
    kept = kept_of(version, settings) / "statement.json"
    kept.write_text(kept.read_text().replace('"ada"', '"eve"'))
    refused(version, settings, ours, "Signature mismatch")


@pytest.mark.parametrize(
    "content",
    [b"", b"{}", b'{"mediaType": "x"}', b"\x80\x04.", b"[" * 100_000],
    ids=["empty", "bare", "headless", "pickle", "deep"],
)
def test_a_damaged_signature_is_a_refusal_and_no_crash(settings, ours, version, content):
    """It is a stranger's file."""
    (kept_of(version, settings) / "model.sig").write_bytes(content)
    refused(version, settings, ours, "no signature that is trusted")


def test_what_is_copied_is_what_is_read(settings, ours, version, monkeypatch):
    """Files that change between the check and the reading make no difference: a copy is checked and read."""
    real = artifact.safe_format.load

    def late(file, **options):
        (files_of(version, settings) / "model.skops").write_bytes(b"replaced")
        return real(file, **options)

    monkeypatch.setattr(artifact.safe_format, "load", late)
    admit = Signed((read_public_key(ours[1]),), settings)
    assert load_version(version.name, version.version, admit=admit, settings=settings).model
    artifact._models.clear()
    refused(version, settings, ours, "digest", ArtifactCorrupted)


class Shell:
    """Runs a command when it is unpickled."""

    def __init__(self, canary):
        self.canary = canary

    def __reduce__(self):
        return (Path.touch, (self.canary,))


def pickled(folder, canary):
    """A pickle in place of the model, and a description that calls for it."""
    described = yaml.safe_load((folder / "MLmodel").read_text())
    file = folder / described["flavors"]["sklearn"]["pickled_model"]
    described["flavors"]["sklearn"]["serialization_format"] = "cloudpickle"
    (folder / "MLmodel").write_text(yaml.safe_dump(described))
    file.write_bytes(pickle.dumps(Shell(canary)))


def pickled_as_skops(folder, canary):
    """The same, still called skops."""
    described = yaml.safe_load((folder / "MLmodel").read_text())
    (folder / described["flavors"]["sklearn"]["pickled_model"]).write_bytes(pickle.dumps(Shell(canary)))


def skops_that_calls(folder, canary):
    """A skops file that builds a type of its own choice, and vouches for it in the model's description."""
    described = yaml.safe_load((folder / "MLmodel").read_text())
    file = folder / described["flavors"]["sklearn"]["pickled_model"]
    with zipfile.ZipFile(file) as archive:
        parts = {each: archive.read(each) for each in archive.namelist()}
    schema = json.loads(parts["schema.json"])
    schema.update({"__class__": "touch", "__module__": "pathlib.Path", "__loader__": "FunctionNode", "content": "x"})
    with zipfile.ZipFile(file, "w") as archive:
        for each, content in {**parts, "schema.json": json.dumps(schema)}.items():
            archive.writestr(each, content)
    described["flavors"]["sklearn"]["skops_trusted_types"] = ["pathlib.Path.touch", "pathlib.touch"]
    (folder / "MLmodel").write_text(yaml.safe_dump(described))


def yaml_that_calls(folder, canary):
    """A description that is a program for careless readers of YAML."""
    text = (folder / "MLmodel").read_text()
    (folder / "MLmodel").write_text(f"evil: !!python/object/apply:os.system ['touch {canary}']\n{text}")


def path_that_climbs(folder, canary):
    """A description that names a file outside the model's folder."""
    outside = folder.parent / "outside.skops"
    outside.write_bytes(pickle.dumps(Shell(canary)))
    described = yaml.safe_load((folder / "MLmodel").read_text())
    described["flavors"]["sklearn"]["pickled_model"] = "../outside.skops"
    (folder / "MLmodel").write_text(yaml.safe_dump(described))


ATTACKS = [pickled, pickled_as_skops, skops_that_calls, yaml_that_calls, path_that_climbs]


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_malicious_file_is_never_run(settings, ours, version, tmp_path, attack):
    """Refused unread; and one that we were talked into signing is refused by the types that our own code allows."""
    canary = tmp_path / "canary"
    attack(files_of(version, settings), canary)
    refused(version, settings, ours, "digest", ArtifactCorrupted)
    registered_as_found(version, settings)
    refused(version, settings, ours, "Signature mismatch")
    sign_version(version.name, version.version, by="ada", private_key=ours[0], settings=settings)
    admit = Signed((read_public_key(ours[1]),), settings)
    with pytest.raises(RegistryError):
        load_version(version.name, version.version, admit=admit, settings=settings)
    assert not canary.exists()


def test_the_canary_would_sing(tmp_path):
    """The attack works on whoever unpickles: that no canary appears above is no accident."""
    canary = tmp_path / "canary"
    pickle.loads(pickle.dumps(Shell(canary)))
    assert canary.exists()


def test_a_promotion_asks_for_the_signature_and_reads_nothing_before(settings, ours, unsigned):
    """The gate fails with its reason, and a gate that needs the model gets none that is not admitted."""
    signer = read_public_key(ours[1])

    def touches(candidate, _champion):
        return candidate.model

    with pytest.raises(PromotionRefused, match=r"signed: .* is not signed") as raised:
        promote(
            unsigned.name, unsigned.version, to="Staging", by="ada", gates=[signed([signer]), touches],
            admit=Signed((signer,), settings), settings=settings,
        )  # fmt: skip
    assert [each.passed for each in raised.value.evidence] == [False, False]
    assert "ProvenanceError" in raised.value.evidence[1].reason
    assert not artifact._models
    sign_version(unsigned.name, unsigned.version, by="ada", private_key=ours[0], settings=settings)
    done = promote(unsigned.name, unsigned.version, to="Staging", by="ada", gates=[signed([signer])], settings=settings)
    assert done.evidence[0].measured["signed_by"] == "ada"
    promote(
        unsigned.name,
        unsigned.version,
        to="Production",
        by="ada",
        approval=OK,
        gates=[signed([signer])],
        settings=settings,
    )
    assert load(unsigned.name, admit=Signed((signer,), settings), settings=settings).version == unsigned.version


def test_keys_are_made_once_and_read_strictly(tmp_path):
    """The private half is its owner's; it is never taken for the public one."""
    private, public = write_signing_keys(tmp_path)
    assert private.stat().st_mode & 0o777 == 0o600
    key = read_public_key(public)
    assert str(key).startswith("signing_key (SHA-256 ")
    assert b"PRIVATE" not in key.pem
    with pytest.raises(ProvenanceError, match="there already"):
        write_signing_keys(tmp_path)
    with pytest.raises(ProvenanceError, match="no public key"):
        read_public_key(private)
    with pytest.raises(ProvenanceError, match="no public key"):
        read_public_key(tmp_path / "absent.pub")


def test_a_key_that_cannot_sign_is_told(settings, ours, unsigned, tmp_path):
    """A public key, and a file that is none."""
    for key in (ours[1], tmp_path / "absent.pem"):
        with pytest.raises(ProvenanceError, match="cannot sign"):
            sign_version(unsigned.name, unsigned.version, by="ada", private_key=key, settings=settings)


def test_another_format_is_not_even_registered(settings, run_id, tmp_path):
    """A pickle that a stranger logged as a model has no way into the registry."""
    run_id = another(run_id, settings)
    pickled(folder_of(run_id, settings), tmp_path / "canary")
    with pytest.raises(RegistryError, match="stored as cloudpickle"):
        register(run_id, "pickled", by="ada", settings=settings)
    with open_stores(settings) as stores:
        assert stores.ledger.head("pickled") is None
    assert not (tmp_path / "canary").exists()


def test_a_server_that_asks_for_signatures_answers_only_with_signed_versions(settings, ours, unsigned, tmp_path):
    """Over HTTP: 503 with the reason while the champion is unsigned, answers once it is signed."""
    champion = promote(unsigned.name, unsigned.version, to="Staging", by="ada", settings=settings)
    champion = promote(unsigned.name, champion.version, to="Production", by="ada", approval=OK, settings=settings)
    admit = Signed((read_public_key(ours[1]),), settings)
    source = wanted_version(unsigned.name, settings, admit=admit)
    with serving(create_app(source, settings=settings_in(tmp_path)), ready=False) as served:
        assert served.refresh() is None
        refusal = served.get("/ready")
        assert refusal.status_code == 503
        assert "is not signed" in refusal.json()["refused"]["reason"]
        assert served.post("/predict", {"a": 1.0, "b": 1.0}).status_code == 503
        sign_version(unsigned.name, unsigned.version, by="ada", private_key=ours[0], settings=settings)
        assert served.refresh() == unsigned.version
        assert served.post("/predict", {"a": 1.0, "b": 1.0}).json()["predictions"] == [pytest.approx(2.0, abs=0.3)]


def test_the_command_asks_for_signatures_where_signers_are_set(settings, ours, tmp_path):
    """`MLOPS_SIGNERS` names their public keys; a file that is none keeps the server from starting."""
    signers = frozenset({ours[1]})
    asked = settings.model_copy(update={"root": tmp_path, "signers": signers})
    assert equip_server(asked).admit == Signed((read_public_key(ours[1]),), asked)
    assert equip_server(settings_in(tmp_path)).admit is None
    with pytest.raises(ProvenanceError, match="no public key"):
        equip_server(asked.model_copy(update={"signers": frozenset({ours[0]})}))
