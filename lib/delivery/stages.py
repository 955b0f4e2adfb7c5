"""The registry beside a rollout: which versions may go where, and the ledger that follows what serves."""

from __future__ import annotations

from functools import partial
from typing import Literal

from lib.delivery.smoke import SmokeReport
from lib.delivery.wanted import Environment, Wanted
from lib.errors import DeliveryError
from lib.registry import Approval, Contender, Evidence, Gate, Safeguards, promote, rollback
from lib.registry.approval import refusal
from lib.registry.artifact import verify
from lib.registry.contender import contender, run_gates
from lib.registry.lifecycle import require_move
from lib.registry.safeguards import NONE
from lib.registry.stores import open_stores
from lib.settings import Settings


class RegistryStages:
    """Asks and moves the versions of a registry; what is tried or released passes the gates of `safeguards`."""

    def __init__(self, settings: Settings, safeguards: Safeguards = NONE) -> None:
        self.settings, self.safeguards = settings, safeguards

    def require(self, environment: Environment, wanted: Wanted) -> None:
        """Raise unless the version may be tried there: DeliveryError, UnknownVersion, ArtifactCorrupted, IllegalMove.

        Raises StoreUnavailable when nobody can say.
        """
        if wanted.model != self.settings.served_model:
            raise DeliveryError(f"{wanted.model} is wanted, and the cluster serves {self.settings.served_model}.")
        target = _stage(environment)
        with open_stores(self.settings) as stores:
            entry = stores.about(wanted.model, wanted.version)
            what = f"version {wanted.version} of {wanted.model}"
            verify(stores.location(wanted.model, wanted.version), entry.digest, what=what)
            if entry.to_stage in (target, "Production") or self.proven(environment, wanted):
                return
            require_move(entry, target)

    def proven(self, environment: Environment, wanted: Wanted) -> bool:
        """Whether the version has been in Production before, so that going back to it is a rollback."""
        with open_stores(self.settings) as stores:
            return environment == "production" and bool(stores.ledger.served(wanted.model, wanted.version))

    def barred(self, environment: Environment, model: str, version: int) -> str | None:
        """What the version breaks of that which is asked there, in sentences; None when nothing. Moves nothing."""
        with open_stores(self.settings) as stores:
            see = partial(contender, stores, admit=self.safeguards.admit)
            head, entry = stores.head(model), stores.about(model, version)
            before = None if head.champion in (None, version) else see(stores.about(model, head.champion))
            found = run_gates(self._gates(environment), see(entry), before)
        return " ".join(f"{each.id}: {each.reason}." for each in found if not each.passed) or None

    def _gates(self, environment: Environment) -> tuple[Gate, ...]:
        return self.safeguards.trial if environment == "staging" else self.safeguards.release

    def refusal(self, model: str, version: int, approval: Approval | None) -> str | None:
        """Why the approval does not hold for the version now; None when it does. Raises UnknownVersion."""
        with open_stores(self.settings) as stores:
            entry = stores.about(model, version)
            return refusal(approval, entry, stores=stores, allowed=None)

    def record(
        self,
        environment: Environment,
        wanted: Wanted,
        *,
        smoked: SmokeReport,
        approval: Approval | None,
        by: str,
        reason: str,
    ) -> None:
        """Move the version to the stage of the environment it serves now, with what was asked of it as evidence.

        Nothing happens when it is there. Raises what `promote` and `rollback` raise.
        """
        with open_stores(self.settings) as stores:
            stage = stores.about(wanted.model, wanted.version).to_stage
        if stage in (_stage(environment), "Production"):
            return
        if self.proven(environment, wanted):
            rollback(
                wanted.model, by=by, reason=reason, to=wanted.version, gates=self._gates(environment),
                admit=self.safeguards.admit, settings=self.settings,
            )  # fmt: skip
            return
        promote(
            wanted.model, wanted.version, to=_stage(environment), by=by, reason=reason,
            gates=[*self._gates(environment), _smoke_gate(environment, smoked)], approval=approval,
            admit=self.safeguards.admit, settings=self.settings,
        )  # fmt: skip

    def back_to(self, good: Wanted, *, by: str, reason: str) -> None:
        """Have the ledger say that `good` serves, where a rollout was taken back that it knew of already.

        It serves already, so that no gate is asked: the ledger says what is so.
        """
        with open_stores(self.settings) as stores:
            stage = stores.about(good.model, good.version).to_stage
        if stage != "Production" and self.proven("production", good):
            rollback(good.model, by=by, reason=reason, to=good.version, settings=self.settings)


def _stage(environment: Environment) -> Literal["Staging", "Production"]:
    return "Staging" if environment == "staging" else "Production"


def _smoke_gate(environment: Environment, report: SmokeReport) -> Gate:
    """What the smoke test found, as a gate of the registry."""

    def smoke(_candidate: Contender, _champion: Contender | None) -> Evidence:
        return Evidence(
            id=f"smoke_{environment}",
            passed=report.passed,
            measured={check.name: check.outcome for check in report.checks},
            reason=report.failures or f"{len(report.checks)} checks passed at {report.url}",
        )

    return smoke
