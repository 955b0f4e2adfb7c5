"""The way from what runs to what is wanted, one move at a time; where it stands is read off what runs."""

from __future__ import annotations

from typing import Literal

from lib.delivery.canary import judge
from lib.delivery.running import Running, Spec
from lib.delivery.wanted import CanaryStep, Part, Wanted

Kind = Literal["apply", "smoke", "verify", "record", "wait", "fail", "done"]
Passed = frozenset[Kind]
Steps = tuple[CanaryStep, ...]


class Move(Part):
    """What is to be done next: tell the environment `spec`, ask the server at `url`, write it down, wait, give up."""

    kind: Kind
    reason: str
    spec: Spec | None = None
    url: str = ""


def next_move(wanted: Wanted, running: Running, *, passed: Passed = frozenset(), direct: bool = False) -> Move:
    """The next move towards `wanted`.

    start beside the old one → ready → smoke on a replica that no client has → canary steps → all requests → verify at
    the environment's address → record it → let the old one go. Nothing but what runs says how far it has come, so
    whoever is killed on the way is followed by somebody who goes on there. `passed` is what this very walk has asked.
    `direct` leaves the canary out: where no clients ask, and back to a version that served before.
    """
    new, spec = wanted.version, running.spec
    old = incumbent(spec, new)
    steps = () if old is None or direct else wanted.canary.steps
    if running.of(new).trouble and not is_alone(spec, new) and "record" not in passed:
        return Move(kind="fail", reason=f"version {new} does not start: {running.of(new).trouble}")
    if spec.shares.get(new, 0.0) == 0:
        return _bring_up(wanted, running, old, passed, steps)
    if steps and spec.shares[new] < 1:
        return _canary(wanted, running, old, steps)
    return _take_over(wanted, running, old, passed)


def incumbent(spec: Spec, new: int) -> int | None:
    """Which other version than `new` has most requests, or is ready to have them."""
    others = [version for version in spec.replicas if version != new]
    return max(others, key=lambda version: (spec.shares.get(version, 0.0), version), default=None)


def is_alone(spec: Spec, version: int) -> bool:
    """Whether that version has all requests, and no other runs."""
    return set(spec.replicas) == {version} and spec.shares.get(version, 0.0) > 0


def alone(wanted: Wanted) -> Spec:
    """Where the way ends: one version, all requests."""
    return Spec(replicas={wanted.version: wanted.replicas}, shares={wanted.version: 1.0})


def _bring_up(wanted: Wanted, running: Running, old: int | None, passed: Passed, steps: Steps) -> Move:
    """Until its replicas are ready and one of them has answered rightly, no client gets it."""
    new = wanted.version
    start = _beside(wanted, running.spec, old, share=0.0)
    if running.spec != start:
        return Move(kind="apply", spec=start, reason=f"{wanted.replicas} × version {new} start beside what serves")
    if not running.settled:
        return Move(kind="wait", reason=f"version {new}: {running.of(new).ready} of {wanted.replicas} replicas ready")
    if "smoke" not in passed:
        return Move(kind="smoke", url=f"http://{running.of(new).addresses[0]}", reason=f"version {new} is asked")
    share = steps[0].share if steps else 1.0
    return Move(
        kind="apply", spec=_beside(wanted, running.spec, old, share=share), reason=f"{share:.0%} to version {new}"
    )


def _canary(wanted: Wanted, running: Running, old: int | None, steps: Steps) -> Move:
    new, share = wanted.version, running.spec.shares[wanted.version]
    at = next((number for number, step in enumerate(steps) if step.share == share), None)
    here = 0 if at is None else at
    spec = _beside(wanted, running.spec, old, share=steps[here].share)
    if spec != running.spec:
        return Move(kind="apply", spec=spec, reason=f"{steps[here].share:.0%} to version {new}")
    found = judge(wanted.canary, steps[here], running, new=new, old=old)
    if found.verdict != "good":
        return Move(kind="fail" if found.verdict == "bad" else "wait", reason=found.reason)
    share = steps[here + 1].share if here + 1 < len(steps) else 1.0
    return Move(
        kind="apply",
        spec=_beside(wanted, running.spec, old, share=share),
        reason=f"{found.reason}: {share:.0%} to version {new}",
    )


def _take_over(wanted: Wanted, running: Running, old: int | None, passed: Passed) -> Move:
    new = wanted.version
    full = _beside(wanted, running.spec, old, share=1.0)
    if running.spec != full:
        return Move(kind="apply", spec=full, reason=f"all requests to version {new}")
    if old is not None and running.of(new).ended and "record" not in passed:
        return Move(kind="fail", reason=f"{running.of(new).ended} replicas of version {new} ended while it served")
    if not running.settled:
        return Move(kind="wait", reason=f"version {new}: {running.of(new).ready} of {wanted.replicas} replicas ready")
    if "verify" not in passed:
        return Move(kind="verify", url=running.url, reason=f"version {new} is asked where clients ask it")
    if "record" not in passed:
        return Move(kind="record", reason=f"version {new} serves {running.environment}")
    if old is not None:
        return Move(kind="apply", spec=alone(wanted), reason=f"version {old} finishes what it has and ends")
    return Move(kind="done", reason=f"version {new} serves, {wanted.replicas} replicas")


def _beside(wanted: Wanted, spec: Spec, old: int | None, *, share: float) -> Spec:
    """The wanted version with that share, and the one there is with the rest."""
    if old is None:
        return Spec(replicas={wanted.version: wanted.replicas}, shares={wanted.version: 1.0} if share else {})
    replicas = {old: spec.replicas[old], wanted.version: wanted.replicas}
    shares = {old: 1.0 - share, wanted.version: share}
    return Spec(replicas=replicas, shares={version: each for version, each in shares.items() if each > 0})
