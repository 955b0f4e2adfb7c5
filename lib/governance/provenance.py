"""Where a model comes from: its files and a statement about them are signed, and only what is signed is ever read.

What is signed is a folder: `model/`, the files of a version byte by byte, and `statement.json`, which version that is.
A valid signature of another version's files therefore proves nothing about this one. Keys are elliptic (P-256), and the
format is that of Sigstore's model-signing: its own command can verify what is signed here. There is no network in it.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import AwareDatetime, ValidationError

from lib.errors import ProvenanceError
from lib.governance.signing_keys import PublicKey, read_public_key
from lib.registry import Contender, Evidence, Gate, Transition, digest
from lib.registry.approval import require_person
from lib.registry.artifact import NOT_THE_MODEL, verify
from lib.registry.entries import Entry
from lib.registry.stores import Stores, open_stores
from lib.settings import Settings
from lib.tracking.read import artifact_file, model_folder

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from model_signing import hashing

MODEL, STATEMENT, SIGNATURE = "model", "statement.json", "model.sig"


class Statement(Entry):
    """What a signer vouches for: these files are this version of this model, from this run, on this data."""

    name: str
    version: int
    run_id: str
    digest: str
    data_version: str | None
    signed_by: str
    signed_at: AwareDatetime


def sign_version(
    name: str,
    version: int,
    *,
    by: str,
    private_key: Path,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    settings: Settings | None = None,
) -> Statement:
    """Sign the files of a registered version; the signature is kept with the artifacts of its run.

    Nothing in the files is read but their digest, which must be the registered one. A later signature takes the place
    of an earlier one. Raises ArtifactCorrupted, UnknownVersion, and ProvenanceError for a key that cannot sign.
    """
    from model_signing import signing

    require_person(by)
    with open_stores(settings) as stores, tempfile.TemporaryDirectory() as scratch:
        entry = stores.about(name, version)
        copy = _copied(stores, entry, Path(scratch, "signed", MODEL))
        statement = Statement(
            name=name, version=entry.version, run_id=entry.run_id, digest=entry.digest,
            data_version=stores.client.get_run(entry.run_id).data.tags.get("data.version"),
            signed_by=by, signed_at=clock(),
        )  # fmt: skip
        (copy.parent / STATEMENT).write_text(statement.model_dump_json(indent=1) + "\n", "utf-8")
        signature = Path(scratch, SIGNATURE)
        try:
            config = signing.Config().use_elliptic_key_signer(private_key=private_key)
            config.set_hashing_config(_everything()).sign(copy.parent, signature)
        except (OSError, ValueError, TypeError) as error:
            raise ProvenanceError(
                f"{private_key} cannot sign version {version} of {name}: {error}. Make keys with write_signing_keys(…)."
            ) from error
        for file in (copy.parent / STATEMENT, signature):
            stores.client.log_artifact(entry.run_id, str(file), _place(entry))
    return statement


@dataclass(frozen=True)
class Signed:
    """Admits versions that one of `signers` has signed: for `load(admit=…)`, `promote(admit=…)` and the server.

    Taking a key out of `signers` is its revocation: whatever only it has signed is not read any more.
    """

    signers: tuple[PublicKey, ...]
    settings: Settings = field(default_factory=Settings)

    def __call__(self, entry: Transition) -> SignedFiles:
        """What looks at the files of the version of a ledger entry."""
        return SignedFiles(self.signers, entry.name, entry.version, entry.run_id, entry.digest, self.settings)


def signed_by(settings: Settings) -> Signed | None:
    """What admits only versions that one of `settings.signers` has signed; None where nobody is named.

    Raises ProvenanceError for a file that is no public key.
    """
    signers = tuple(read_public_key(path) for path in sorted(settings.signers))
    return Signed(signers, settings) if signers else None


@dataclass(frozen=True)
class SignedFiles:
    """Looks at the files of one version: those that were registered, and signed as this version."""

    signers: tuple[PublicKey, ...]
    name: str
    version: int
    run_id: str
    digest: str
    settings: Settings

    def __call__(self, files: Path) -> Statement:
        """The statement that holds for the model in the folder `files`; raises ProvenanceError when there is none."""
        what = f"version {self.version} of {self.name}"
        with open_stores(self.settings) as stores, tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch, "signed")
            shutil.copytree(files, folder / MODEL, ignore=_not_the_model)
            signature = _fetched(stores.client, self, folder, what)
            _require_signature(folder, signature, self.signers, what)
            # Only now: until its signature holds, the statement is anybody's text.
            statement = _read_statement(folder / STATEMENT, what)
            found = (statement.name, statement.version, statement.run_id, statement.digest)
            wanted = (self.name, self.version, self.run_id, digest(folder / MODEL))
            if found != wanted or statement.digest != self.digest:
                raise ProvenanceError(
                    f"what is signed is version {statement.version} of {statement.name} (run {statement.run_id}, "
                    f"{statement.digest}), and it stands in the place of {what} (run {self.run_id}, {self.digest}). "
                    f"{_WAY_OUT}"
                )
            return statement


def verify_version(
    name: str, version: int, *, signers: Sequence[PublicKey], settings: Settings | None = None
) -> Statement:
    """Who signed a version and for what, its files and signature checked now; nothing in them is read as a model.

    Raises ProvenanceError, ArtifactCorrupted, UnknownVersion.
    """
    settings = settings or Settings()
    with open_stores(settings) as stores, tempfile.TemporaryDirectory() as scratch:
        entry = stores.about(name, version)
        return Signed(tuple(signers), settings)(entry)(_copied(stores, entry, Path(scratch, MODEL)))


def export_signed(name: str, version: int, to: Path, *, settings: Settings | None = None) -> Path:
    """Lay out in the new folder `to` what was signed, in `signed/`, and the signature beside it, which is returned.

    Anybody can verify that with `model_signing verify key TO/signed --signature TO/model.sig --public_key KEY`.
    Raises ProvenanceError for an unsigned version.
    """
    with open_stores(settings) as stores:
        entry = stores.about(name, version)
        _copied(stores, entry, to / "signed" / MODEL)
        return _fetched(stores.client, entry, to / "signed", f"version {version} of {name}")


def signed(signers: Sequence[PublicKey]) -> Gate:
    """A gate: pass when one of `signers` has signed the candidate as this very version; nothing is deserialised."""

    def signed(candidate: Contender, _champion: Contender | None) -> Evidence:
        known = [str(key) for key in signers]
        try:
            statement = verify_version(
                candidate.name, candidate.version, signers=signers, settings=candidate.stores.settings
            )
        except ProvenanceError as error:
            return Evidence(id="signed", passed=False, threshold={"signers": known}, reason=str(error))
        reason = f"signed by {statement.signed_by} on {statement.signed_at:%Y-%m-%d}"
        measured = statement.model_dump(mode="json")
        return Evidence(id="signed", passed=True, measured=measured, threshold={"signers": known}, reason=reason)

    return signed


_WAY_OUT = "Do not load it; find out who put it there, and sign what you vouch for with sign_version(…)."


def _copied(stores: Stores, entry: Transition, copy: Path) -> Path:
    """A copy of the files of a version, found to be those that were registered."""
    what = f"version {entry.version} of {entry.name}"
    with tempfile.TemporaryDirectory() as download:
        try:
            files = model_folder(stores.location(entry.name, entry.version), into=Path(download))
            shutil.copytree(files, copy, ignore=_not_the_model)
        except (OSError, shutil.Error) as error:
            raise ProvenanceError(f"the files of {what} cannot be read: {error}.") from error
    verify(str(copy), entry.digest, what=what)
    return copy


def _fetched(client: MlflowClient, entry: Transition | SignedFiles, folder: Path, what: str) -> Path:
    """Put the statement into `folder` and the signature beside it; returns the latter."""
    for file, target in ((STATEMENT, folder / STATEMENT), (SIGNATURE, folder.parent / SIGNATURE)):
        found = artifact_file(client, entry.run_id, f"{_place(entry)}/{file}")
        if found is None:
            raise ProvenanceError(f"{what} is not signed: it has no {file}. {_WAY_OUT}")
        shutil.copyfile(found, target)
    return folder.parent / SIGNATURE


def _require_signature(folder: Path, signature: Path, signers: Sequence[PublicKey], what: str) -> None:
    from cryptography.exceptions import InvalidSignature
    from model_signing import verifying

    reasons = []
    for signer in signers:
        with _key_file(signer) as public_key:
            config = verifying.Config().use_elliptic_key_verifier(public_key=public_key)
            try:
                config.set_hashing_config(_everything()).verify(folder, signature)
            except InvalidSignature:
                reasons.append("the signature is not the key's")
            except Exception as error:  # noqa: BLE001  the signature is a stranger's file, and any part of a reader may break on it
                reasons.append(str(error) or type(error).__name__)
            else:
                return
    tried = "; ".join(f"{signer}: {reason}" for signer, reason in zip(signers, reasons, strict=True))
    raise ProvenanceError(
        f"no signature that is trusted holds for {what} ({tried or 'nobody is trusted to sign'}). {_WAY_OUT}"
    )


@contextmanager
def _key_file(key: PublicKey) -> Iterator[Path]:
    """model-signing reads keys from files, and these are the bytes that were trusted, whatever became of their file."""
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch, "key.pem")
        path.write_bytes(key.pem)
        yield path


def _everything() -> hashing.Config:
    """Every file counts; by default model-signing leaves those of git out."""
    from model_signing import hashing

    return hashing.Config().set_ignored_paths(paths=[], ignore_git_paths=False)


def _not_the_model(_folder: str, names: list[str]) -> set[str]:
    return set(names) & NOT_THE_MODEL


def _read_statement(file: Path, what: str) -> Statement:
    try:
        return Statement.model_validate_json(file.read_bytes())
    except ValidationError as error:
        raise ProvenanceError(f"what is signed for {what} is no statement: {error}. {_WAY_OUT}") from error


def _place(entry: Transition | SignedFiles) -> str:
    return f"provenance/{entry.name}/version-{entry.version}"
