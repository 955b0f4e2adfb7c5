"""The registry's desk: whoever moves a model shows who they are, and approver and mover are two known people."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from lib.errors import AccessError
from lib.governance.authority import Authority, Caller
from lib.governance.roles import may
from lib.governance.seals import ledger_records, seal
from lib.governance.trail import Trail
from lib.registry import Admit, Approval, Gate, Transition, Version, find_version, promote, register, rollback
from lib.registry.approval import MayMove
from lib.settings import Settings

Target = Literal["Staging", "Production", "Archived"]
APPROVED = "approved"
NEEDS = {"Staging": "models:stage", "Production": "models:release", "Archived": "models:archive"}


class Desk:
    """Moves models in the name of callers of `authority`; each move passes `gates`, and stands in `trail` and ledger.

    What goes to Production, for the first time or again, passes `release` besides: the rules of a policy, such as
    `policy_gates`. `admit` is asked before a model is read.

    A caller is looked up again at each call: what was taken away since counts.
    """

    def __init__(
        self,
        authority: Authority,
        trail: Trail,
        *,
        settings: Settings,
        gates: Iterable[Gate] = (),
        release: Iterable[Gate] = (),
        admit: Admit | None = None,
    ) -> None:
        self._authority, self._trail, self._settings, self._admit = authority, trail, settings, admit
        self._gates, self._release = tuple(gates), tuple(release)

    def register(self, caller: Caller, run_id: str, name: str) -> Version:
        """As `lib.registry.register`; raises AccessError besides."""
        self._required(caller, "models:register")
        version = register(run_id, name, by=caller.person, settings=self._settings)
        self._seal()
        return version

    def approve(self, caller: Caller, name: str, version: int, *, reason: str) -> Version:
        """Say that these very files may go to Production; it holds while the caller may approve."""
        self._required(caller, "models:approve")
        found = find_version(name, version, settings=self._settings)
        if not reason.strip():
            raise AccessError("an approval has a reason, for those who ask later why this version answered.")
        about = {"model": name, "version": found.version, "digest": found.digest, "reason": reason}
        self._trail.add(APPROVED, by=caller.person, **about)
        return found

    def promote(self, caller: Caller, name: str, version: int, *, to: Target, reason: str) -> Transition:
        """As `lib.registry.promote`; to Production only what somebody else than the caller has approved here."""
        self._authority.renewed(caller)
        released = to == "Production"
        approval = self._approval(caller, name, version) if released else None
        gates = (*self._gates, *self._release) if released else self._gates
        try:
            return promote(
                name, version, to=to, by=caller.person, reason=reason, gates=gates, approval=approval,
                may_approve=self._may_approve, may_move=self._mover(caller), admit=self._admit, settings=self._settings,
            )  # fmt: skip
        finally:
            self._seal()

    def rollback(self, caller: Caller, name: str, *, reason: str, to: int | None = None) -> Transition:
        """As `lib.registry.rollback`."""
        self._authority.renewed(caller)
        try:
            return rollback(
                name, by=caller.person, reason=reason, to=to, gates=self._release, may_move=self._mover(caller),
                admit=self._admit, settings=self._settings,
            )  # fmt: skip
        finally:
            self._seal()

    def _approval(self, caller: Caller, name: str, version: int) -> Approval | None:
        """The newest of these files by another person who may still approve; None without one.

        Raises TrailError when the trail is not as it was written: an approval in it may be made up.
        """
        self._trail.require_whole()
        digest = find_version(name, version, settings=self._settings).digest
        for line in reversed(self._trail.lines()):
            about: dict[str, Any] = line.about
            same = (about.get("model"), about.get("digest")) == (name, digest)
            if line.what == APPROVED and same and line.by != caller.person and self._may_approve(line.by, name):
                return Approval(by=line.by, reason=about["reason"])
        return None

    def _may_approve(self, person: str, _name: str) -> bool:
        found = self._authority.people.person(person)
        return found is not None and may(found.roles, "models:approve")

    def _mover(self, caller: Caller) -> MayMove:
        def may_move(_by: str, to: str, _name: str) -> bool:
            return self._authority.renewed(caller).may(NEEDS[to])

        return may_move

    def _required(self, caller: Caller, permission: str) -> None:
        refusal = self._authority.renewed(caller).refusal(permission)
        if refusal:
            raise AccessError(refusal)

    def _seal(self) -> None:
        seal(self._trail, {"registry": lambda: ledger_records(self._settings)})
