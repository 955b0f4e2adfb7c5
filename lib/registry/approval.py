"""Whether a person's approval puts a version into Production: allowed at this moment, and not their own work."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from lib.errors import RegistryError
from lib.registry.entries import Approval, Transition
from lib.registry.stores import Stores

if TYPE_CHECKING:
    from mlflow import MlflowClient

MayApprove = Callable[[str, str], bool]
MayMove = Callable[[str, str, str], bool]


def refusal(
    approval: Approval | None,
    entry: Transition,
    *,
    stores: Stores,
    allowed: MayApprove | None,
) -> str | None:
    """Why `approval` does not hold for the version of `entry`, None when it does.

    `allowed(person, name)` is asked now, so that somebody who lost the right yesterday is refused.
    """
    if approval is None:
        return "nobody approved it. Ask somebody who may, and give approval=Approval(by=…, reason=…)."
    person = approval.by
    trainers = {entry.trainer, trainer(stores.client, entry.run_id)} - {None}
    if not trainers:
        return (
            f"nobody is named as the trainer of run {entry.run_id}, so that {person} might be. Set its tag mlflow.user."
        )
    if _same(person, *trainers):
        return f"{person} trained it. Ask somebody else to approve it."
    registration = stores.ledger.registration(entry.name, entry.version)
    if registration and _same(person, registration.by):
        return f"{person} registered it. Ask somebody else to approve it."
    if not (allowed or (lambda who, _name: who in stores.settings.approvers))(person, entry.name):
        return f"{person} may not approve {entry.name}. Ask somebody who may (by default those in settings.approvers)."
    return None


def require_person(by: str) -> None:
    """Raise RegistryError for a name that is blank: the ledger says who did what."""
    if not by.strip():
        raise RegistryError(f"the ledger names whoever acts, and by={by!r} names nobody. Give a person's name.")


def may_not(by: str, target: str, name: str, *, allowed: MayMove | None) -> str | None:
    """Why `by` may not move a version of `name` to the stage `target`, None when they may; `allowed` is asked now."""
    if allowed is None or allowed(by, target, name):
        return None
    return f"{by} may not move a version of {name} to {target}. Ask somebody who may."


def trainer(client: MlflowClient, run_id: str) -> str | None:
    """Who a run says it was started by."""
    return client.get_run(run_id).data.tags.get("mlflow.user") or None


def _same(person: str, *others: str | None) -> bool:
    return any(other is not None and other.strip().casefold() == person.strip().casefold() for other in others)
