"""GitOps: what runs is brought to what is committed, whoever comes along and however often; a revert is a rollback."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from filelock import FileLock, Timeout

from lib.delivery.local_cluster import Cluster
from lib.delivery.rollout import Kind, Move, alone, incumbent, next_move
from lib.delivery.rollout_record import FINAL, Records, Rollout, State
from lib.delivery.running import Running, Spec
from lib.delivery.smoke import Expected, SmokeReport, smoke
from lib.delivery.stages import RegistryStages
from lib.delivery.wanted import ENVIRONMENTS, Environment, Part, Wanted, read_wanted
from lib.delivery.wanted_repository import Commit, WantedRepository, wanted_file
from lib.errors import DeliveryError, IllegalMove, LibError, StoreUnavailable
from lib.registry import Approval

POLL_S = 0.02
Ask = Callable[[str, Expected], SmokeReport]


class Report(Part):
    """How an environment stands: what its commit asks, the version that serves, and why where that is not the same.

    `drift` says what differed from the last state that was in place although nobody had asked for it; it was set right.
    """

    environment: Environment
    commit: str
    state: State
    reason: str
    wanted: int | None
    serving: int | None
    drift: tuple[str, ...] = ()

    def __str__(self) -> str:
        drift = f" (drift: {'; '.join(self.drift)})" if self.drift else ""
        serving = "nothing serves" if self.serving is None else f"version {self.serving} serves"
        why = f": {self.reason}" if self.reason else ""
        return f"{self.environment}: {self.state} at {self.commit[:8] or '(no commit)'}, {serving}{why}{drift}"


def reconcile(
    repository: WantedRepository,
    cluster: Cluster,
    *,
    folder: Path,
    stages: RegistryStages | None = None,
    wait_s: float = 0.0,
    again: bool = False,
    ask: Ask = smoke,
    say: Callable[[str], None] = lambda _text: None,
) -> tuple[Report, ...]:
    """Bring staging and production to what is committed, as far as that goes now; returns how each stands.

    What cannot be done at once (replicas that start, a canary that needs more requests) is gone on with for `wait_s`
    seconds, then by the next call; a call may be killed at any moment. `folder` keeps the state, one call at a time:
    another is refused with DeliveryError. A commit that was refused or rolled back is not tried `again` unless that is
    asked for. `stages` is the registry to ask and to move, with what it asks of a version; without one, versions are
    taken as they come and nobody has to approve. `ask` is the smoke test: it holds what answers at an address against
    what the version must answer. Raises DeliveryError when the repository or the cluster cannot be reached; nothing was
    changed then.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / "lock", timeout=0):
            work = _Work(repository, cluster, Records(folder), stages, ask, say)
            deadline = time.monotonic() + wait_s
            while True:
                reports = work.look(again=again)
                again = False
                if not any(report.state in ("rolling out", "rolling back") for report in reports):
                    return reports
                if time.monotonic() >= deadline:
                    return reports
                time.sleep(POLL_S)
    except Timeout as error:
        raise DeliveryError(
            f"another deploy is at work (its lock is in {folder}). It goes on; this one did nothing. Wait, then look."
        ) from error


def status(repository: WantedRepository, cluster: Cluster, records: Records, environment: Environment) -> Report:
    """How an environment stands, without changing anything; raises DeliveryError as `reconcile` does."""
    record, running = records.read(environment), cluster.look(environment)
    commit = repository.last(wanted_file(environment), at=repository.head())
    news = "" if commit is None or commit.id == record.commit else f"{commit} is new, and nobody has reconciled it yet"
    moving = record.state in ("rolling out", "rolling back")
    return Report(
        environment=environment, commit=record.commit, state=record.state, reason=news or record.reason,
        wanted=record.version, serving=running.serving, drift=() if moving else _drift(record, running),
    )  # fmt: skip


def _drift(record: Rollout, running: Running) -> tuple[str, ...]:
    if record.good is None or running.spec == alone(record.good):
        return ()
    return (f"{running.spec} instead of {alone(record.good)}",)


@dataclass(frozen=True)
class _Goal:
    """What a commit asks for, checked."""

    wanted: Wanted
    commit: Commit
    expected: Expected
    approval: Approval | None
    proven: bool


class _Waiting(Exception):
    """Why a commit cannot go on yet, though it may later without another commit to that file."""


@dataclass
class _Work:
    """One call of `reconcile`."""

    repository: WantedRepository
    cluster: Cluster
    records: Records
    stages: RegistryStages | None
    ask: Ask
    say: Callable[[str], None]
    _passed: dict[tuple[str, str], set[Kind]] = field(default_factory=dict)
    _smoked: dict[str, SmokeReport] = field(default_factory=dict)
    _safe: set[tuple[Environment, Wanted]] = field(default_factory=set)

    def look(self, *, again: bool) -> tuple[Report, ...]:
        """Both environments, staging first."""
        head = self.repository.head()
        return tuple(self._one(name, head, again=again) for name in ENVIRONMENTS)

    def _one(self, environment: Environment, head: str, *, again: bool) -> Report:
        record = self.records.read(environment)
        commit = self.repository.last(wanted_file(environment), at=head)
        text = None if commit is None else self.repository.read(wanted_file(environment), at=head)
        if commit is None or text is None:
            reason = f"there is no {wanted_file(environment)}; what runs is left alone"
            return self._report(self._state(record, "", "nothing wanted", reason))
        if record.state == "rolling back":
            return self._roll_back(record)
        if record.commit == commit.id and record.state in FINAL and not again:
            return self._report(record, drift=self._heal(record))
        if record.commit == commit.id and record.state == "in place":
            return self._report(record, drift=self._heal(record))
        try:
            wanted = read_wanted(text, what=wanted_file(environment))
        except DeliveryError as error:
            return self._stand(record, commit, "refused", str(error))
        try:
            goal = self._goal(environment, wanted, commit, head)
        except StoreUnavailable as error:
            if record.commit == commit.id and record.state == "rolling out":
                return self._report(record, reason=f"it stands still, for the registry cannot be asked: {error}")
            return self._stand(record, commit, "waiting", str(error), version=wanted.version)
        except (_Waiting, IllegalMove) as why:
            return self._stand(record, commit, "waiting", str(why), version=wanted.version)
        except LibError as error:
            return self._stand(record, commit, "refused", str(error), version=wanted.version)
        return self._walk(record, goal)

    def _stand(
        self, record: Rollout, commit: Commit, state: State, reason: str, *, version: int | None = None
    ) -> Report:
        """Leave the environment at what was last in place, and say why."""
        record = self._state(record, commit.id, state, reason, version=version)
        return self._report(record, drift=self._heal(record))

    def _goal(self, environment: Environment, wanted: Wanted, commit: Commit, head: str) -> _Goal:
        """What has to be known before anything is started; raises LibError, or _Waiting, when it may not be."""
        stages, approval = self.stages, None
        if stages is None:
            proven = wanted_name(wanted) in self.records.read(environment).passed
        else:
            proven = stages.proven(environment, wanted)
            stages.require(environment, wanted)
        if environment == "production" and not proven:
            if wanted_name(wanted) not in self.records.read("staging").passed:
                raise _Waiting(f"version {wanted.version} of {wanted.model} has not passed staging yet")
            approval = self._approval(stages, wanted, commit, head)
        if stages is not None:
            self._require_safe(stages, environment, wanted)
        return _Goal(wanted, commit, self.repository.expected(wanted, at=head), approval, proven)

    def _require_safe(self, stages: RegistryStages, environment: Environment, wanted: Wanted) -> None:
        """Raises _Waiting while the version breaks what is asked there; what it keeps is asked once a call."""
        if (environment, wanted) not in self._safe:
            barred = stages.barred(environment, wanted.model, wanted.version)
            if barred is not None:
                raise _Waiting(f"version {wanted.version} of {wanted.model} may not go there: {barred}")
            self._safe.add((environment, wanted))

    def _approval(self, stages: RegistryStages | None, wanted: Wanted, commit: Commit, head: str) -> Approval | None:
        """The approval that holds; raises _Waiting while there is none."""
        if stages is None:
            return None
        approval = self.repository.approval(wanted.model, wanted.version, at=head)
        why = stages.refusal(wanted.model, wanted.version, approval)
        if why is None and approval is not None and approval.by.casefold() == commit.author.casefold():
            why = f"{approval.by} asked for it. Ask somebody else to approve it."
        if why is not None:
            raise _Waiting(why)
        return approval

    def _walk(self, record: Rollout, goal: _Goal) -> Report:
        """As far as it goes without waiting."""
        environment = record.environment
        record = self._state(record, goal.commit.id, "rolling out", str(goal.commit), version=goal.wanted.version)
        passed = self._passed.setdefault(
            (environment, goal.commit.id), {"verify", "record"} if record.recorded else set()
        )
        while True:
            running = self.cluster.look(environment)
            direct = goal.proven or environment == "staging"
            move = next_move(goal.wanted, running, passed=frozenset(passed), direct=direct)
            if move.kind == "wait":
                return self._report(record, reason=move.reason, running=running)
            if move.kind == "fail":
                return self._give_up(record, move.reason)
            if move.kind == "done":
                name = wanted_name(goal.wanted)
                passed_here = (*(each for each in record.passed if each != name), name)
                done = record.model_copy(
                    update={"state": "in place", "reason": "", "good": goal.wanted, "passed": passed_here}
                )
                return self._report(self.records.write(done), running=running)
            self._note(record, move.reason)
            if move.spec is not None:
                self.cluster.apply(environment, move.spec)
                continue
            try:
                self._ask(environment, move, goal)
            except StoreUnavailable as error:
                return self._report(record, reason=f"{move.reason}, and the registry cannot be told: {error}")
            except LibError as error:
                return self._give_up(record, str(error))
            passed.add(move.kind)
            if move.kind == "record":
                record = self.records.write(record.model_copy(update={"recorded": True}))

    def _ask(self, environment: Environment, move: Move, goal: _Goal) -> None:
        """Ask the version, or tell the registry; raises LibError when the version must not stay."""
        if move.kind in ("smoke", "verify"):
            report = self.ask(move.url, goal.expected.model_copy(update={"model_version": goal.wanted.version}))
            self._smoked[environment] = report
            if not report.passed:
                raise DeliveryError(f"the smoke test of version {goal.wanted.version} failed: {report.failures}")
        elif self.stages is not None:
            self.stages.record(
                environment, goal.wanted, smoked=self._smoked[environment], approval=goal.approval,
                by=goal.commit.author, reason=f"{goal.commit.subject} ({goal.commit.id[:8]})",
            )  # fmt: skip

    def _give_up(self, record: Rollout, reason: str) -> Report:
        """Write down why before anything is taken back, so that whoever is killed here is followed by a rollback."""
        return self._roll_back(self._state(record, record.commit, "rolling back", reason))

    def _roll_back(self, record: Rollout) -> Report:
        running = self.cluster.look(record.environment)
        back = _good(record, running)
        if running.spec != back:
            self._note(record, f"back to {back}")
            self.cluster.apply(record.environment, back)
            running = self.cluster.look(record.environment)
        if not running.settled:
            return self._report(record, running=running)
        if self.stages is not None and record.environment == "production" and record.good is not None:
            try:
                self.stages.back_to(record.good, by="reconciler", reason=record.reason)
            except LibError as error:
                return self._report(record, reason=f"{record.reason}; the registry does not follow: {error}")
        return self._report(self._state(record, record.commit, "rolled back", record.reason), running=running)

    def _heal(self, record: Rollout) -> tuple[str, ...]:
        """Set right what differs from the last state that was in place; returns that in words."""
        drift = _drift(record, self.cluster.look(record.environment))
        if drift and record.good is not None:
            self._note(record, f"drift: {drift[0]}")
            self.cluster.apply(record.environment, alone(record.good))
        return drift

    def _state(self, record: Rollout, commit: str, state: State, reason: str, *, version: int | None = None) -> Rollout:
        """Write down where it stands."""
        same = commit == record.commit
        known = version if version is not None else record.version if same else None
        update = {
            "commit": commit,
            "state": state,
            "reason": reason,
            "version": known,
            "recorded": same and record.recorded,
        }
        return self.records.write(record.model_copy(update=update))

    def _note(self, record: Rollout, what: str) -> None:
        self.records.note(record, what)
        self.say(f"{record.environment}: {what}")

    def _report(
        self,
        record: Rollout,
        *,
        reason: str | None = None,
        running: Running | None = None,
        drift: tuple[str, ...] = (),
    ) -> Report:
        running = running or self.cluster.look(record.environment)
        said = [record.reason if reason is None else reason, *_ailing(record, running)]
        return Report(
            environment=record.environment, commit=record.commit, state=record.state,
            reason="; ".join(filter(None, said)), wanted=record.version, serving=running.serving, drift=drift,
        )  # fmt: skip


def _ailing(record: Rollout, running: Running) -> list[str]:
    """What is wrong with the version that was in place last, where it should run alone."""
    if record.good is None or running.settled or running.spec != alone(record.good):
        return []
    state = running.of(record.good.version)
    few = f"{state.ready} of {record.good.replicas} replicas of version {state.version} are ready"
    return [f"{few} ({state.trouble})" if state.trouble else few] if state.ready < record.good.replicas else []


def wanted_name(wanted: Wanted) -> str:
    """A version as the records name it."""
    return f"{wanted.model}-{wanted.version}"


def _good(record: Rollout, running: Running) -> Spec:
    """What to go back to: the last state that was in place, else what there is beside the new version."""
    if record.good is not None:
        return alone(record.good)
    old = None if record.version is None else incumbent(running.spec, record.version)
    return Spec() if old is None else Spec(replicas={old: running.spec.replicas[old]}, shares={old: 1.0})
