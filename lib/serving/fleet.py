"""Replicas behind a proxy, brought step by step to what is wanted of each version: how many, and which share.

What is wanted is only written down by `scale_to` and `share`; `reconcile` compares it with what there is and takes the
next steps, without waiting, as Kubernetes' controllers do. Up: start, wait until ready, then route. Down: no new
requests, wait until the running ones are answered, then SIGTERM. So no request is lost to a change.
"""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol, Self

from lib.errors import ReplicaDied
from lib.serving.proxy import TOP_WEIGHT, Proxy
from lib.serving.replica import DRAIN_S, READY_S

State = Literal["starting", "serving", "draining", "stopping"]
_POLL_S = 0.02


class Server(Protocol):
    """What a fleet asks of a replica; `lib.serving.replica.Replica`, a process, is one, and says what each means."""

    version: int | None
    address: str

    def get(self, path: str) -> tuple[int, bytes]: ...
    def ready(self) -> bool: ...
    def end(self) -> str | None: ...
    def said(self) -> str: ...
    def terminate(self) -> None: ...
    def kill(self) -> None: ...


Start = Callable[[int | None], Server]


@dataclass
class Member:
    """A replica and where it stands; `since` is monotonic seconds."""

    replica: Server
    state: State = "starting"
    since: float = field(default_factory=time.monotonic)

    def enter(self, state: State) -> None:
        """Stand there from now on."""
        self.state, self.since = state, time.monotonic()

    @property
    def age_s(self) -> float:
        """Seconds in this state."""
        return time.monotonic() - self.since


@dataclass(frozen=True)
class Ended:
    """A replica that ended by itself, or never was ready, and why."""

    version: int | None
    served: bool
    reason: str


class Fleet:
    """`start(version)` makes a replica of a version, of the champion for None; `with` stops all of them at the end.

    For one thread. One that is not ready within `ready_s` is given up, one that does not finish within `drain_s` of
    each of its two last states is ended all the same. `say` is told of what died; `ended` is what did in the last
    reconcile.
    """

    def __init__(
        self,
        proxy: Proxy,
        start: Start,
        *,
        ready_s: float = READY_S,
        drain_s: float = DRAIN_S,
        say: Callable[[str], None] = lambda _text: None,
    ) -> None:
        self.proxy, self.members, self.ended = proxy, list[Member](), list[Ended]()
        self._start, self._ready_s, self._drain_s, self._say = start, ready_s, drain_s, say
        self._wanted: dict[int | None, int] = {}
        self._shares: dict[int | None, float] | None = None
        self._weights: dict[str, int] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def scale_to(self, replicas: int, *, version: int | None = None) -> None:
        """Want this many replicas of a version from now on."""
        if replicas < 0:
            raise ValueError(f"{replicas} replicas are wanted. Ask for 0 or more.")
        self._wanted[version] = replicas

    def share(self, shares: Mapping[int | None, float] | None) -> None:
        """Want requests divided so among versions (to half a percent), evenly among the replicas of each.

        A version without a share gets no request, though its replicas run, not even when no other can take it. None:
        every replica gets the same.
        """
        if shares is not None and (min(shares.values(), default=0) < 0 or sum(shares.values()) <= 0):
            raise ValueError(f"the shares are {dict(shares)}. Give none below 0, and at least one above.")
        self._shares = None if shares is None else dict(shares)

    def wanted(self, version: int | None = None) -> int:
        """How many replicas of a version are wanted."""
        return self._wanted.get(version, 0)

    def count(self, state: State) -> int:
        """How many replicas stand there now."""
        return sum(member.state == state for member in self.members)

    @property
    def serving(self) -> list[Server]:
        """Those that take requests."""
        return [member.replica for member in self.members if member.state == "serving"]

    def reconcile(self) -> None:
        """Take the next steps towards what is wanted, without waiting.

        One that died while it served is replaced. Raises ReplicaDied, after all else is done, for one that never was
        ready: another start may do no better. Calling again tries again.
        """
        self.ended.clear()
        died = [error for member in list(self.members) if (error := self._look_after(member))]
        for version in {**self._wanted, **{member.replica.version: 0 for member in self.members}}:
            self._approach(version, self.wanted(version))
        self._route()
        if died:
            raise died[0]

    def settled(self) -> bool:
        """Whether what there is now is what is wanted."""
        serving = Counter(replica.version for replica in self.serving)
        wanted = Counter({version: count for version, count in self._wanted.items() if count})
        return serving == wanted and len(self.members) == serving.total()

    def settle(self, limit_s: float = READY_S) -> None:
        """Reconcile until it is; raises what `reconcile` does, and ReplicaDied when it takes longer than `limit_s`."""
        deadline = time.monotonic() + limit_s
        self.reconcile()
        while not self.settled():
            if time.monotonic() > deadline:
                states = ", ".join(f"{member.replica} {member.state}" for member in self.members) or "none"
                raise ReplicaDied(f"after {limit_s:g} s {self._wanted} is wanted and there is: {states}. Allow more.")
            time.sleep(_POLL_S)
            self.reconcile()

    def close(self) -> None:
        """Take all out of the proxy, let them finish, and end them."""
        self._wanted.clear()
        for member in self.members:
            member.enter("draining")
        try:
            self.settle(2 * self._drain_s + 1)
        finally:
            for member in self.members:
                member.replica.kill()
            self.members.clear()

    def _look_after(self, member: Member) -> ReplicaDied | None:
        """Move one replica on by itself; returns why it never was ready."""
        replica = member.replica
        if (how := replica.end()) is not None:
            self._forget(member)
            if member.state == "starting":
                return self._never_ready(replica, f"{replica} {how}")
            if member.state != "stopping":
                self.ended.append(Ended(replica.version, served=True, reason=f"{replica} {how}"))
                self._say(f"{replica} {how}")
        elif member.state == "starting":
            return self._await_ready(member)
        elif member.state == "draining":
            if self._is_idle(replica.address) or member.age_s > self._drain_s:
                replica.terminate()
                member.enter("stopping")
        elif member.state == "stopping" and member.age_s > self._drain_s:
            self._say(f"{replica} did not end within {self._drain_s:g} s and is killed")
            self._forget(member)
        return None

    def _await_ready(self, member: Member) -> ReplicaDied | None:
        replica = member.replica
        with contextlib.suppress(ReplicaDied):  # just now: seen at the next look
            if replica.ready():
                member.enter("serving")
            elif member.age_s > self._ready_s:
                self._forget(member)
                reason = f"{replica} was not ready within {self._ready_s:g} s. It said: {replica.said()}"
                return self._never_ready(replica, reason)
        return None

    def _never_ready(self, replica: Server, reason: str) -> ReplicaDied:
        self.ended.append(Ended(replica.version, served=False, reason=reason))
        return ReplicaDied(reason)

    def _is_idle(self, address: str) -> bool:
        """Whether it gets no new request and has none left."""
        if address not in self._weights:
            return True
        found = self.proxy.counts().get(address)
        return self._weights[address] == 0 and found is not None and found.running == 0

    def _forget(self, member: Member) -> None:
        member.replica.kill()
        self.members.remove(member)

    def _approach(self, version: int | None, wanted: int) -> None:
        """Start what is missing; of too many, let the youngest go first."""
        alive = [
            member for member in self.members
            if member.replica.version == version and member.state in ("starting", "serving")
        ]  # fmt: skip
        # One that just failed to start is tried again by the next call, if whoever calls still wants it.
        if not any(each.version == version and not each.served for each in self.ended):
            self.members += [Member(self._start(version)) for _ in range(wanted - len(alive))]
        for member in alive[wanted:]:
            member.enter("draining")

    def _route(self) -> None:
        wanted = self._wanted_weights()
        if wanted != self._weights:
            self.proxy.route(wanted)
            self._weights = wanted

    def _wanted_weights(self) -> dict[str, int]:
        serving = self.serving
        of_version = Counter(replica.version for replica in serving)
        shares = self._shares or dict(of_version)
        parts = {replica.address: shares.get(replica.version, 0.0) / of_version[replica.version] for replica in serving}
        top = max(parts.values(), default=0.0) or 1.0
        # A small share is never rounded to nothing.
        weights = {address: max(round(TOP_WEIGHT * part / top), part > 0) for address, part in parts.items()}
        draining = {member.replica.address for member in self.members if member.state == "draining"}
        return weights | dict.fromkeys(draining & self._weights.keys(), 0)
