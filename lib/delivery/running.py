"""An environment as it runs: what was told to it, what became of that, and what its clients saw."""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from lib.delivery.wanted import Environment, Part
from lib.errors import DeliveryError, ReplicaDied
from lib.serving.fleet import Fleet
from lib.serving.proxy import Counts

_NOBODY: dict[int | None, float] = {None: 1.0}  # the share of a version that never runs: no other gets a request
_RETRY_S, _LONGEST_RETRY_S = 1.0, 60.0


class Spec(Part):
    """How many replicas of each version, and which share of the requests each gets (none where it has no share)."""

    replicas: dict[int, Annotated[int, Field(ge=1, le=50)]] = Field(default_factory=dict)
    shares: dict[int, Annotated[float, Field(gt=0)]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _shares_run(self) -> Self:
        strange = sorted(self.shares.keys() - self.replicas.keys())
        if strange:
            raise ValueError(f"version {strange[0]} has a share of the requests and no replica. Give it one.")
        return self

    def __str__(self) -> str:
        each = [f"{count} × version {version} ({self.shares.get(version, 0.0):.0%})"
                for version, count in sorted(self.replicas.items())]  # fmt: skip
        return ", ".join(each) or "nothing"


class VersionState(Part):
    """One version in an environment; what was `seen` of it counts from the last change of shares."""

    version: int
    ready: int
    addresses: tuple[str, ...]
    requests: int = 0
    failed: int = 0
    refused: int = 0
    mean_ms: float | None = None
    ended: int = 0
    trouble: str = ""


class Running(Part):
    """An environment now: its address, what it was told `age_s` seconds ago, and whether all of that is so."""

    environment: str
    url: str
    spec: Spec
    settled: bool
    age_s: float
    versions: dict[int, VersionState]

    @property
    def serving(self) -> int | None:
        """The version that gets most requests."""
        return max(self.spec.shares, key=lambda version: self.spec.shares[version], default=None)

    def of(self, version: int) -> VersionState:
        """How a version stands; nothing, where it does not run."""
        return self.versions.get(version) or VersionState(version=version, ready=0, addresses=())


@dataclass
class _Seen:
    """Sums over the replicas of a version that are and were, since the last change of shares."""

    requests: int = 0
    failed: int = 0
    refused: int = 0
    took_ms: float = 0.0
    timed: int = 0
    ended: int = 0


@dataclass
class _Hold:
    """A version whose replicas do not start is tried again after longer and longer pauses."""

    times: int = 0
    until: float = 0.0
    reason: str = ""


@dataclass
class RunningEnvironment:
    """Keeps a fleet at what it was told last, also in `file`; for one thread, which calls `advance` again and again.

    What is added is ready before a request moves, and requests have moved before anything goes.
    """

    name: Environment
    fleet: Fleet
    file: Path | None = None
    spec: Spec = field(default_factory=Spec)
    _told: Spec | None = None
    _since: float = field(default_factory=time.monotonic)
    _seen: dict[int, _Seen] = field(default_factory=dict)
    _last: dict[str, tuple[int, Counts]] = field(default_factory=dict)
    _holds: dict[int, _Hold] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.file is not None and self.file.exists():
            try:
                self.spec = Spec.model_validate_json(self.file.read_text())
            except ValueError as error:
                raise DeliveryError(f"{self.file}, what {self.name} runs, cannot be read: {error}") from error
        self._tell_shares()

    def apply(self, spec: Spec) -> None:
        """Keep it at this from now on; counting what clients see begins anew when the shares are others."""
        if self.file is not None:
            write_whole(self.file, spec.model_dump_json())
        if spec.shares != self.spec.shares:
            self._seen.clear()
        if spec != self.spec:
            self._holds.clear()
            self._since = time.monotonic()
        self.spec = spec

    def advance(self) -> None:
        """Take the next steps towards it, without waiting."""
        self._count()
        self._tell_fleet()
        with contextlib.suppress(ReplicaDied):
            self.fleet.reconcile()
        self._note_ended()

    def look(self) -> Running:
        """How it stands now."""
        ready = Counter(replica.version for replica in self.fleet.serving)
        addresses: dict[int, list[str]] = {}
        for replica in self.fleet.serving:
            addresses.setdefault(replica.version or 0, []).append(replica.address)
        versions = {*addresses, *self.spec.replicas, *self._holds}
        return Running(
            environment=self.name,
            url=self.fleet.proxy.url,
            spec=self.spec,
            settled=self._told == self.spec and self.fleet.settled(),
            age_s=time.monotonic() - self._since,
            versions={
                version: self._state(version, ready[version], tuple(addresses.get(version, ())))
                for version in sorted(versions)
            },
        )

    def _state(self, version: int, ready: int, addresses: tuple[str, ...]) -> VersionState:
        seen = self._seen.get(version, _Seen())
        return VersionState(
            version=version, ready=ready, addresses=addresses, requests=seen.requests, failed=seen.failed,
            refused=seen.refused, mean_ms=seen.took_ms / seen.timed if seen.timed else None, ended=seen.ended,
            trouble=self._holds[version].reason if version in self._holds else "",
        )  # fmt: skip

    def _added(self) -> bool:
        ready = Counter(replica.version for replica in self.fleet.serving)
        return all(ready[version] >= count for version, count in self.spec.replicas.items())

    def _tell_fleet(self) -> None:
        added = self._added()
        now = time.monotonic()
        alive = Counter(member.replica.version for member in self.fleet.members
                        if member.state in ("starting", "serving"))  # fmt: skip
        for version, count in self.spec.replicas.items():
            held = version in self._holds and now < self._holds[version].until
            target = min(count, alive[version]) if held else count
            self.fleet.scale_to(target if added else max(target, alive[version]), version=version)
        if added:
            self._tell_shares()
            for gone in {member.replica.version for member in self.fleet.members} - self.spec.replicas.keys():
                self.fleet.scale_to(0, version=gone)
            self._told = self.spec

    def _tell_shares(self) -> None:
        shares: dict[int | None, float] = dict(self.spec.shares.items())
        self.fleet.share(shares or _NOBODY)

    def _note_ended(self) -> None:
        for each in self.fleet.ended:
            version = each.version or 0
            if each.served:
                self._seen.setdefault(version, _Seen()).ended += 1
                continue
            hold = self._holds.setdefault(version, _Hold())
            hold.times, hold.reason = hold.times + 1, each.reason
            hold.until = time.monotonic() + min(_RETRY_S * 2**hold.times, _LONGEST_RETRY_S)

    def _count(self) -> None:
        """Add what the proxy has counted since the last look to the version of each backend."""
        version_of = {member.replica.address: member.replica.version or 0 for member in self.fleet.members}
        for address, now in self.fleet.proxy.counts().items():
            version = version_of.get(address) or self._last.get(address, (0, now))[0]
            last = self._last.get(address, (version, Counts(0, 0, 0)))[1]
            if now.requests < last.requests:  # another backend at the same address
                last = Counts(0, 0, 0)
            self._last[address] = (version, now)
            self._add(self._seen.setdefault(version, _Seen()), last, now)

    @staticmethod
    def _add(seen: _Seen, last: Counts, now: Counts) -> None:
        done = (now.requests - now.running) - (last.requests - last.running)
        seen.requests += max(0, done)
        seen.failed += now.failed - last.failed
        seen.refused += now.refused - last.refused
        if now.mean_ms is not None and done > 0:
            seen.took_ms += now.mean_ms * done
            seen.timed += done


def write_whole(path: Path, text: str) -> None:
    """There whole or not at all, whenever the process is killed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=f".{path.name}.", delete=False) as stream:
        stream.write(text)
        stream.flush()
    Path(stream.name).replace(path)
