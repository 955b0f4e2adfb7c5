"""What answers now, and what answered then: read from the ledger each time, models kept in memory by digest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from lib.errors import RegistryError, UnknownVersion
from lib.registry.artifact import kept, load_verified
from lib.registry.contender import Admit
from lib.registry.entries import Stage, Transition
from lib.registry.ledger import Ledger, open_ledger
from lib.registry.stores import open_stores, unknown_model
from lib.settings import Settings

if TYPE_CHECKING:
    from mlflow.models import ModelSignature


@dataclass(frozen=True, kw_only=True)
class LoadedVersion:
    """A version ready to answer: the very files that were registered, in the safe format."""

    name: str
    version: int
    stage: Stage
    run_id: str
    digest: str
    model: Any
    signature: ModelSignature | None


def load(
    name: str,
    stage: Literal["Production", "Staging"] = "Production",
    *,
    trusted: Sequence[str] = (),
    admit: Admit | None = None,
    settings: Settings | None = None,
) -> LoadedVersion:
    """The version that holds `stage` now, its files checked against the registered digest before they are read.

    The ledger is asked each time, so a new champion is noticed; a model that is in memory is not read again. `trusted`
    names types of your own inside the model. `admit(entry)`, asked about the version's entry in the ledger, returns
    what looks at its files before they are read. Raises what that raises, UnknownVersion for an unknown model and for a
    stage that no version holds, ArtifactCorrupted, StoreUnavailable, and RegistryError where `settings` name signers
    and no `admit` is given.
    """
    settings = settings or Settings()
    return _loaded(_holder(open_ledger(settings), name, stage), trusted, admit, settings)


def load_version(
    name: str,
    version: int,
    *,
    trusted: Sequence[str] = (),
    admit: Admit | None = None,
    settings: Settings | None = None,
) -> LoadedVersion:
    """One version whatever its stage, for a trial beside the champion; checked and kept in memory as `load` does.

    Raises UnknownVersion, ArtifactCorrupted, StoreUnavailable.
    """
    settings = settings or Settings()
    entry = open_ledger(settings).about(name, version)
    if entry is None:
        with open_stores(settings) as stores:
            entry = stores.about(name, version)  # says what there is
    return _loaded(entry, trusted, admit, settings)


def _loaded(entry: Transition, trusted: Sequence[str], admit: Admit | None, settings: Settings) -> LoadedVersion:
    if settings.signers and admit is None:
        raise RegistryError(
            f"only what is signed may be read (MLOPS_SIGNERS), and nothing was given to check version {entry.version} "
            f"of {entry.name}. Give admit=Signed(…) of lib.governance.provenance, or use a command of python -m lib."
        )
    check = None if admit is None else admit(entry)
    found = kept(entry.digest, trusted, check)
    if found is None:
        with open_stores(settings) as stores:
            what = f"version {entry.version} of {entry.name}"
            location = stores.location(entry.name, entry.version)
            found = load_verified(location, entry.digest, what=what, trusted=trusted, check=check)
    return LoadedVersion(
        name=entry.name,
        version=entry.version,
        stage=entry.to_stage,
        run_id=entry.run_id,
        digest=entry.digest,
        model=found.model,
        signature=found.signature,
    )


def history(name: str, *, settings: Settings | None = None) -> list[Transition]:
    """All that the ledger holds about a model, oldest first; raises UnknownVersion for an unknown one."""
    ledger = open_ledger(settings or Settings())
    entries = ledger.entries(name)
    if not entries:
        raise unknown_model(ledger, name)
    return entries


def served_at(name: str, when: datetime, *, settings: Settings | None = None) -> int | None:
    """The version that was champion at an instant (with its time zone), None when there was none.

    Raises UnknownVersion for an unknown model.
    """
    if when.tzinfo is None:
        raise RegistryError(f"{when!r} has no time zone, so it is no instant. Use datetime(…, tzinfo=UTC).")
    ledger = open_ledger(settings or Settings())
    _head(ledger, name)
    then = ledger.at(name, when)
    return None if then is None else then.champion


def _holder(ledger: Ledger, name: str, stage: str) -> Transition:
    """The last entry about the version in a stage."""
    if stage not in ("Production", "Staging"):
        raise UnknownVersion(f"one version at most holds Production or Staging; {stage!r} is no such stage.")
    head = _head(ledger, name)
    version = head.champion if stage == "Production" else head.staging
    found = None if version is None else ledger.about(name, version)
    if found is None:
        raise UnknownVersion(f"no version of {name} is in {stage} (last entry: {head}). Promote one first.")
    return found


def _head(ledger: Ledger, name: str) -> Transition:
    head = ledger.head(name)
    if head is None:
        raise unknown_model(ledger, name)
    return head
