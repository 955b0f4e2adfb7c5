"""How a version moves: mend, check, decide, append to the ledger (where one of several writers wins), show it."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Literal

from lib.errors import Conflict, IllegalMove, PromotionRefused, StoreUnavailable
from lib.registry import artifact
from lib.registry.approval import MayApprove, MayMove, may_not, refusal, require_person
from lib.registry.contender import Admit, Contender, Gate, contender, keep_evidence, run_gates
from lib.registry.entries import Approval, Evidence, Kind, Stage, Transition
from lib.registry.lifecycle import require_move
from lib.registry.projection import project
from lib.registry.stores import Stores, open_stores
from lib.registry.versions import require_fit
from lib.settings import Settings

_log = logging.getLogger(__name__)
Plan = Callable[[Transition], Sequence[Transition]]


def promote(
    name: str,
    version: int | str,
    *,
    to: Literal["Staging", "Production", "Archived"],
    by: str,
    reason: str = "",
    gates: Iterable[Gate] = (),
    approval: Approval | None = None,
    may_approve: MayApprove | None = None,
    may_move: MayMove | None = None,
    trusted: Sequence[str] = (),
    admit: Admit | None = None,
    settings: Settings | None = None,
) -> Transition:
    """Move a version along `MOVES`, archiving the version that held the place; returns its entry in the ledger.

    Each of `gates` is called as `gate(candidate, champion)` and returns Evidence; all run before anything changes, one
    that raises has failed. What they found is kept as an artifact of the candidate's run. A move to Production needs an
    `approval` by somebody whom `may_approve(person, name)` allows at this moment (by default `settings.approvers`), and
    who neither trained nor registered the version. A move to Archived asks for neither gates nor approval.
    `may_move(by, to, name)` is asked first whether `by` may do this at all; without it everybody may. `trusted` names
    types of your own inside the models, and `admit` is asked before one is read, as in `load`: a gate that needs the
    model of a version that is not admitted has failed.

    Raises PromotionRefused with the evidence (the attempt is in the ledger too), IllegalMove, UnfitRun,
    ArtifactCorrupted, UnknownVersion, StoreUnavailable, and Conflict when somebody else moved the model meanwhile.
    """
    require_person(by)
    with open_stores(settings) as stores:
        head = _mended(stores, name)
        entry = stores.about(name, version)
        move = require_move(entry, to)
        if "a reason" in move.demands and not reason.strip():
            raise IllegalMove(f"{move.source} → {move.target} needs a reason: {move.purpose}. Give reason=….")
        attempt = _Attempt(stores, entry, by=by, reason=reason)
        evidence: tuple[Evidence, ...] = ()
        barred = may_not(by, to, name, allowed=may_move)
        if barred:
            attempt.refuse(barred, evidence)
        if "a fit run" in move.demands:
            require_fit(stores.client, entry.run_id)
            _verify(stores, entry)
        if "passed gates" in move.demands:
            see = functools.partial(contender, stores, trusted=trusted, admit=admit)
            evidence = _passed(attempt, _gate(see, entry, head, gates))
        if "an approval" in move.demands:
            why = refusal(approval, entry, stores=stores, allowed=may_approve)
            if why:
                attempt.refuse(why, evidence)
        approver = approval.by if approval and "an approval" in move.demands else None
        return attempt.go(
            move.target,
            kind="archive" if to == "Archived" else "promote",
            evidence=evidence,
            approver=approver,
            seen=head,
        )


def rollback(
    name: str,
    *,
    by: str,
    reason: str,
    to: int | str | None = None,
    gates: Iterable[Gate] = (),
    may_move: MayMove | None = None,
    admit: Admit | None = None,
    settings: Settings | None = None,
) -> Transition:
    """Put the previous champion (or `to`, which must have been one) back in Production, and archive the present one.

    It was approved when it came to Production, so no approval is asked again; its files are checked, and each of
    `gates`, as by `promote`: what holds today may not be what held then. A second rollback undoes the first.
    `may_move` and `admit` are asked as by `promote`. Raises IllegalMove when there is nothing to go back to,
    PromotionRefused, ArtifactCorrupted, UnknownVersion, StoreUnavailable, and Conflict when somebody else moved the
    model meanwhile.
    """
    require_person(by)
    with open_stores(settings) as stores:
        head = _mended(stores, name)
        target = head.previous if to is None else stores.about(name, to).version
        if not reason.strip():
            raise IllegalMove(f"a rollback of {name} needs a reason, for those who read the ledger later.")
        if target is None:
            raise IllegalMove(f"{name} has no previous champion to go back to. Promote a version instead.")
        entry = stores.about(name, target)
        if target == head.champion or not stores.ledger.served(name, target):
            was = "is in Production already" if target == head.champion else "was never in Production"
            raise IllegalMove(f"version {target} of {name} {was}, so a rollback cannot restore it.")
        attempt = _Attempt(stores, entry, by=by, reason=reason)
        barred = may_not(by, "Production", name, allowed=may_move)
        if barred:
            attempt.refuse(barred, ())
        _verify(stores, entry)
        see = functools.partial(contender, stores, admit=admit)
        evidence = _passed(attempt, _gate(see, entry, head, gates))
        return attempt.go("Production", kind="rollback", evidence=evidence, seen=head)


class _Attempt:
    """One person's move of one version, as it is tried."""

    def __init__(self, stores: Stores, entry: Transition, *, by: str, reason: str) -> None:
        self._stores, self._entry, self._by, self._reason = stores, entry, by, reason

    def go(
        self,
        target: Stage,
        *,
        kind: Kind,
        seen: Transition,
        evidence: tuple[Evidence, ...] = (),
        approver: str | None = None,
    ) -> Transition:
        """Append the move, and the archiving of whoever held the place; raises Conflict unless `seen` still holds."""
        stores, entry = self._stores, self._entry

        def moves(head: Transition) -> list[Transition]:
            stage = stores.about(entry.name, entry.version).to_stage
            if stage != entry.to_stage or _checked(head, target) != _checked(seen, target):
                raise _conflict(stores, seen, entry)
            displaced = {"Production": head.champion, "Staging": head.staging}.get(target)
            entries = []
            if displaced is not None:
                gone = stores.about(entry.name, displaced)
                why = f"version {entry.version} took its place"
                entries.append(_next(head, gone, by=self._by, reason=why, kind="archive", target="Archived"))
            last = entries[-1] if entries else head
            step = _next(last, entry, by=self._by, reason=self._reason, kind=kind, target=target)
            if entries:
                # One instant: at none in between was there no champion.
                step = step.model_copy(update={"at": last.at})
            previous = step.previous
            if step.champion == previous and previous is not None:
                retired = stores.ledger.retired(entry.name, other_than=previous)
                previous = None if retired is None else retired.version
            known = {"evidence": evidence, "approver": approver, "previous": previous}
            return [*entries, step.model_copy(update=known)]

        done = _append(stores, entry.name, moves)
        try:
            project(stores, entry.name, after=seen.sequence)
        except Exception as error:
            raise StoreUnavailable(
                f"the move is made (ledger entry {done}), but MLflow could not be told: {error}. `load` follows the "
                "ledger; run repair(…) once MLflow answers, for its aliases and tags."
            ) from error
        return done

    def refuse(self, why: str, evidence: tuple[Evidence, ...]) -> None:
        """Leave the refused attempt in the ledger, whoever else writes meanwhile, and raise PromotionRefused."""
        entry = self._entry

        def attempt(head: Transition) -> list[Transition]:
            now = self._stores.about(entry.name, entry.version)
            said = f"{self._reason}: {why}" if self._reason else why
            step = _next(head, now, by=self._by, reason=said, kind="refused", target=now.to_stage)
            return [step.model_copy(update={"evidence": evidence})]

        kept = _append(self._stores, entry.name, attempt)
        error = PromotionRefused(
            f"version {entry.version} of {entry.name} stays in {kept.to_stage}: {why} (ledger entry {kept.sequence})"
        )
        error.evidence = evidence
        raise error


def _mended(stores: Stores, name: str) -> Transition:
    """The head of the ledger, after MLflow was made to agree with it."""
    stores.head(name)
    for said in project(stores, name):
        _log.info("mended %s", said)
    return stores.head(name)


def _verify(stores: Stores, entry: Transition) -> None:
    artifact.verify(
        stores.location(entry.name, entry.version), entry.digest, what=f"version {entry.version} of {entry.name}"
    )


def _gate(
    see: Callable[[Transition], Contender], entry: Transition, head: Transition, gates: Iterable[Gate]
) -> tuple[Evidence, ...]:
    candidate = see(entry)
    stores = candidate.stores
    champion: Contender | None = None
    if head.champion is not None and head.champion != entry.version:
        champion = see(stores.about(entry.name, head.champion))
    evidence = run_gates(gates, candidate, champion)
    if evidence:
        keep_evidence(stores.client, candidate, champion, evidence)
    return evidence


def _passed(attempt: _Attempt, evidence: tuple[Evidence, ...]) -> tuple[Evidence, ...]:
    """The evidence, when all of it speaks for the move; else the attempt is refused."""
    failed = [each for each in evidence if not each.passed]
    if failed:
        found = "; ".join(f"{each.id}: {each.reason or 'no reason given'}" for each in failed)
        attempt.refuse(f"{len(failed)} of {len(evidence)} gates failed. {found}", evidence)
    return evidence


def _append(stores: Stores, name: str, plan: Plan) -> Transition:
    """Append what `plan` makes of the head, again for each new head, until no other writer was quicker."""
    while True:
        entries = plan(stores.head(name))
        if stores.ledger.append(entries):
            return entries[-1]


def _next(head: Transition, entry: Transition, *, by: str, reason: str, kind: Kind, target: Stage) -> Transition:
    """The entry after `head` that moves the version of `entry` to `target`, with the places as they are then."""
    places = {"champion": head.champion, "staging": head.staging, "previous": head.previous}
    version = entry.version
    if kind != "refused":
        if head.staging == version:
            places["staging"] = None
        if head.champion == version:
            places |= {"champion": None, "previous": version}
        if target == "Staging":
            places["staging"] = version
        if target == "Production":
            places["champion"] = version
    return entry.model_copy(
        update={
            **places, "sequence": head.sequence + 1, "at": max(datetime.now(UTC), head.at), "by": by, "kind": kind,
            "from_stage": entry.to_stage, "to_stage": target, "reason": reason, "approver": None, "evidence": (),
        }
    )  # fmt: skip


def _checked(head: Transition, target: Stage) -> tuple[int | None, ...]:
    """The places that a move to `target` was checked against: the champion by the gates, and the one it displaces."""
    return {"Production": (head.champion,), "Staging": (head.champion, head.staging)}.get(target, ())


def _conflict(stores: Stores, seen: Transition, entry: Transition) -> Conflict:
    moves = [str(each) for each in stores.ledger.entries(seen.name, after=seen.sequence) if each.kind != "refused"]
    return Conflict(
        f"version {entry.version} of {seen.name} was not moved: somebody was quicker ({'; '.join(moves)}), and what "
        "was checked holds no longer. Look at history(…) and try again."
    )
