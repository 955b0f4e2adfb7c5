"""`make autoscale`: real replicas behind a real proxy follow a load that rises and falls, by Kubernetes' algorithm.

Real are the server processes, the proxy, the requests and the decisions. Simulated is a look-up that every answer
waits for (see `SimulatedLookup`), since a machine of few cores has no more to give to more replicas of what needs CPU;
and Kubernetes' time constants are shortened all alike.
"""

from __future__ import annotations

import json
import math
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import yaml

from lib.errors import NoModel, ServingError
from lib.registry import Safeguards, load_version
from lib.registry.safeguards import NONE
from lib.serving.autoscale import AutoscalePolicy, Autoscaler, hpa_manifest
from lib.serving.autoscale_picture import draw_autoscale
from lib.serving.autoscale_record import Step, write_steps
from lib.serving.bundle import make_bundle
from lib.serving.first import ensure_champion
from lib.serving.fleet import Fleet
from lib.serving.in_flight import METRIC, InFlight
from lib.serving.lookup import SimulatedLookup
from lib.serving.proxy import Kind, open_proxy
from lib.serving.replica import Replica
from lib.serving.traffic import Check, Traffic, arrivals, traffic
from lib.settings import Settings

if TYPE_CHECKING:
    from lib.serving.server import Equip

SYNC_S = 15.0  # how often Kubernetes' autoscaler looks
STEPS = 90
UTILISATION = 0.7
_TICK_S = 0.05
_ROWS = 32


@dataclass(frozen=True)
class Demo:
    """What to run: a load that rises from a tenth of `peak` requests a second to all of it and falls again."""

    seconds: float = 90.0
    peak: float = 120.0
    maximum: int = 8
    lookup: SimulatedLookup = field(default_factory=lambda: SimulatedLookup(seconds=0.1, connections=4))
    proxy: Kind | None = None

    @property
    def policy(self) -> AutoscalePolicy:
        """As it is written for Kubernetes: as many requests under way in a replica as use 70 % of its connections."""
        return AutoscalePolicy(target=UTILISATION * self.lookup.connections, maximum=self.maximum)

    @property
    def faster(self) -> float:
        """How many times shorter than Kubernetes' all time constants are: 90 looks in all."""
        return SYNC_S * STEPS / self.seconds

    def rate(self, at_s: float) -> float:
        """Requests a second to offer."""
        corners = [0.0, 0.08, 0.35, 0.5, 0.6, 1.0]
        return float(np.interp(at_s / self.seconds, corners, np.array([0.1, 0.1, 1.0, 1.0, 0.1, 0.1]) * self.peak))


def run_demo(
    demo: Demo,
    model: str,
    *,
    settings: Settings,
    out: Path,
    say: Callable[[str], None],
    show: Callable[[Step], None],
    safeguards: Safeguards = NONE,
    equip: Equip | None = None,
) -> bool:
    """Run it, give each step to `show`, and write the record, the picture and the policy's manifest to `out`.

    The champion passes `safeguards`, and `equip` is each replica's, as `serve` takes it. Returns whether every request
    was answered, and rightly. Raises what starting the parts raises; Ctrl-C stops it early, keeps what there is, and is
    raised again.
    """
    version = ensure_champion(model, settings=settings, say=say, safeguards=safeguards).champion
    if version is None:
        raise NoModel(f"{model} has no champion. Promote a version first.")
    bodies, check = _questions(model, version, settings, safeguards)
    manifest = hpa_manifest(demo.policy, name=model, metric=METRIC)
    try:
        out.mkdir(parents=True, exist_ok=True)
        (out / "hpa.yaml").write_text(yaml.safe_dump(manifest, sort_keys=False), "utf-8")
    except OSError as error:
        raise ServingError(f"{out} cannot be written: {error}. Free it, or name another folder (--out).") from error
    # The demo's requests are no evidence about the model.
    own = settings.model_copy(update={"predictions": out.resolve() / "predictions"})
    steps: list[Step] = []
    try:
        with open_proxy(kind=demo.proxy) as proxy, Fleet(
            proxy, lambda number: Replica(model, settings=own, version=number, lookup=demo.lookup, equip=equip), say=say
        ) as fleet:  # fmt: skip
            _introduce(demo, proxy.kind, say)
            fleet.scale_to(demo.policy.minimum, version=version)
            fleet.settle()
            due_s = list(arrivals(demo.rate, demo.seconds, top=demo.peak, seed=settings.seed))
            with traffic(f"{proxy.url}/predict", bodies, due_s, check=check) as sending:
                for step in _steps(demo, fleet, version, sending):
                    steps.append(step)
                    show(step)
    finally:
        _keep(steps, out)
    _conclude(steps, sending, out, say)
    return not sending.wrong


def _introduce(demo: Demo, kind: str, say: Callable[[str], None]) -> None:
    lookup, policy = demo.lookup, demo.policy
    say(
        f"Real: uvicorn processes behind {'HAProxy' if kind == 'haproxy' else 'an embedded proxy (no HAProxy here)'}, "
        "HTTP requests at set times, the autoscaling algorithm of Kubernetes.\n"
        f"Simulated: each answer waits {lookup.seconds * 1000:g} ms for one of {lookup.connections} connections of its "
        f"replica to a feature store, so that a replica answers at most {lookup.capacity:g} requests a second.\n"
        f"{demo.faster:g} times shorter than Kubernetes' defaults: a look every {SYNC_S / demo.faster:.2g} s, and no "
        f"replica is taken away that was wanted in the last {policy.down_stabilisation_s / demo.faster:.3g} s.\n"
        f"Wanted: {policy.target:g} requests under way in a replica, {policy.minimum} to {policy.maximum} replicas."
    )


def _questions(model: str, version: int, settings: Settings, safeguards: Safeguards) -> tuple[list[bytes], Check]:
    """Bodies made from what the model declares, and a check that an answer is the model's own."""
    bundle = make_bundle(load_version(model, version, admit=safeguards.admit, settings=settings))
    rows = bundle.schema.examples(_ROWS)
    expected = bundle.answer(rows)

    def check(number: int, body: bytes) -> str | None:
        found, wanted = json.loads(body)["predictions"], expected[number % _ROWS]
        same = math.isclose(found[0], wanted, rel_tol=1e-9) if isinstance(wanted, float) else found[0] == wanted
        return None if same and len(found) == 1 else f"answered {found}, and the model says {wanted!r}"

    return [json.dumps({"rows": [row]}).encode() for row in rows], check


def _steps(demo: Demo, fleet: Fleet, version: int, sending: Traffic) -> Iterator[Step]:
    """One step each time that the autoscaler looks, until the load has ended."""
    sync_s = SYNC_S / demo.faster
    policy = demo.policy
    hurried = policy.model_copy(
        update={
            "period_s": policy.period_s / demo.faster,
            "down_stabilisation_s": policy.down_stabilisation_s / demo.faster,
        }
    )
    scaler, in_flight = Autoscaler(hurried), InFlight(3 * sync_s)
    answered_before = offered_before = 0
    for number in range(1, STEPS + 1):
        while sending.now_s < number * sync_s:
            fleet.reconcile()
            time.sleep(_TICK_S)
        now_s = sending.now_s
        measured = [*in_flight.measure(now_s, fleet.serving), *[None] * fleet.count("starting")]
        wanted = scaler.step(now_s, fleet.wanted(version), {METRIC: measured})
        fleet.scale_to(wanted, version=version)
        answered = sending.answered[:]
        offered = sum(due_s <= now_s for due_s in sending.due_s)
        recent = [sent.latency_s * 1000 for sent in answered if sent.due_s + sent.latency_s > now_s - 3 * sync_s]
        p50, p95 = np.percentile(recent, [50, 95]).round(1).tolist() if recent else (None, None)
        yield Step(
            at_s=round(now_s, 3),
            offered=round((offered - offered_before) / sync_s, 1),
            answered=round((len(answered) - answered_before) / sync_s, 1),
            in_flight=tuple(None if value is None else round(value, 2) for value in measured),
            target=policy.target,
            wanted=wanted,
            serving=fleet.count("serving"),
            starting=fleet.count("starting"),
            draining=fleet.count("draining") + fleet.count("stopping"),
            p50_ms=p50,
            p95_ms=p95,
            failed=sum(sent.wrong is not None for sent in answered),
        )
        answered_before, offered_before = len(answered), offered


def _keep(steps: Sequence[Step], out: Path) -> None:
    if len(steps) > 1:
        write_steps(out / "steps.jsonl", steps)
        draw_autoscale(steps).savefig(out / "autoscale.png", dpi=120)


def _conclude(steps: Sequence[Step], sending: Traffic, out: Path, say: Callable[[str], None]) -> None:
    top = max(step.serving for step in steps)
    mean = statistics.fmean(step.serving for step in steps)
    say(
        f"{len(sending.answered):,} requests, {len(sending.wrong)} failed. Replicas: up to {top}, {mean:.1f} on "
        f"average: {1 - mean / top:.0%} less to pay for than {top} all the time.\n"
        f"{out / 'autoscale.png'} shows it, {out / 'steps.jsonl'} holds each step, {out / 'hpa.yaml'} is the same "
        "policy for Kubernetes."
    )
    for sent in sending.wrong[:5]:
        say(f"request {sent.number}, due at {sent.due_s:.2f} s: {sent.wrong}")
