"""The autoscaler does what Kubernetes documents, for any load; the replay charges for it."""

from __future__ import annotations

import math

import kubernetes_validate
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.serving.autoscale import AutoscalePolicy, Autoscaler, hpa_manifest, recommend
from lib.serving.replay import replay

shares = st.floats(0, 4, allow_nan=False)


def test_the_published_examples() -> None:
    """Kubernetes' own: 50 replicas at 90 % of a 75 % target become 60; 200m for 100m doubles, 50m for 100m halves."""
    assert recommend(50, [0.90] * 50, AutoscalePolicy(target=0.75, maximum=100)) == 60
    assert recommend(3, [200.0] * 3, AutoscalePolicy(target=100)) == 6
    assert recommend(4, [50.0] * 4, AutoscalePolicy(target=100)) == 2


@pytest.mark.parametrize(("share", "replicas"), [(0.451, 10), (0.549, 10), (0.55, 10), (0.56, 12), (0.44, 9)])
def test_nothing_happens_within_the_tolerance(share: float, replicas: int) -> None:
    """Ten percent around the target change nothing; beyond, the whole ratio counts."""
    assert recommend(10, [share] * 10, AutoscalePolicy(target=0.5)) == replicas


@given(st.integers(1, 50), shares)
def test_the_recommendation_is_the_ratio_rounded_up(replicas: int, share: float) -> None:
    """ceil(replicas × share / target), or the replicas that there are; on the very edge of the tolerance, either."""
    found = recommend(replicas, [share] * replicas, AutoscalePolicy(target=0.5, maximum=1000))
    ratio = share / 0.5
    beyond = abs(ratio - 1) - 0.1
    exact = replicas * ratio
    assert (beyond < 1e-6 and found == replicas) or (
        beyond > -1e-6 and math.ceil(exact - 1e-5) <= found <= math.ceil(exact + 1e-5)
    )


@given(st.lists(st.one_of(st.none(), shares), min_size=1, max_size=20))
def test_missing_metrics_never_turn_the_direction(measured: list[float | None]) -> None:
    """With replicas that tell nothing the step is smaller, or none, and never to the other side."""
    policy = AutoscalePolicy(target=0.5, maximum=1000)
    known = [value for value in measured if value is not None]
    found, count = recommend(len(measured), measured, policy), len(measured)
    if not known:
        assert found == count
        return
    without = recommend(count, [sum(known) / len(known)] * count, policy)
    assert min(count, without) <= found <= max(count, without)


@given(st.integers(1, 5), st.integers(0, 40), st.lists(shares, min_size=1, max_size=60))
def test_every_step_keeps_the_limits(minimum: int, more: int, loads: list[float]) -> None:
    """Between minimum and maximum, at most to the double or four more a period, and never down within five minutes."""
    policy = AutoscalePolicy(target=0.5, minimum=minimum, maximum=minimum + more)
    scaler, replicas, raised_at = Autoscaler(policy), minimum, 0.0
    for number, share in enumerate(loads):
        wanted = scaler.step(15.0 * number, replicas, {"cpu": [share] * replicas})
        assert minimum <= wanted <= policy.maximum
        assert wanted <= max(2 * replicas, replicas + 4)
        if recommend(replicas, [share] * replicas, policy) >= replicas:
            raised_at = 15.0 * number
        elif wanted < replicas:
            assert 15.0 * number - raised_at > 300
        replicas = wanted


def test_going_down_waits_for_the_highest_of_five_minutes() -> None:
    """After a peak the replicas stay for 300 s, and then fall to what the last five minutes asked for."""
    scaler = Autoscaler(AutoscalePolicy(target=0.5, maximum=20))
    sizes = [8]
    for number in range(60):
        sizes.append(scaler.step(15.0 * number, sizes[-1], {"cpu": [0.5 if number == 0 else 0.1] * sizes[-1]}))
    assert sizes[:21] == [8] * 21
    assert sizes[22] == 2
    assert sizes[-1] == 1


def test_of_several_metrics_the_one_that_asks_for_most_wins() -> None:
    """Idle processors do not take the replicas away that a long queue asks for."""
    scaler = Autoscaler(AutoscalePolicy(target=0.5))
    assert scaler.step(0, 2, {"cpu": [0.1, 0.1], "queue": [1.0, 1.0]}) == 4


@pytest.mark.parametrize("metric", [None, "http_requests_per_second"])
def test_the_manifest_is_one_that_kubernetes_takes(metric: str | None) -> None:
    """The strict schema of autoscaling/v2 accepts it, and it says what the policy says."""
    manifest = hpa_manifest(AutoscalePolicy(target=0.7, minimum=2, maximum=8), name="house-prices", metric=metric)
    kubernetes_validate.validate(manifest, "1.34", strict=True)
    assert (manifest["spec"]["minReplicas"], manifest["spec"]["maxReplicas"]) == (2, 8)
    assert manifest["spec"]["behavior"]["scaleDown"]["stabilizationWindowSeconds"] == 300


def test_what_a_manifest_cannot_say_is_refused() -> None:
    """A tolerance of one's own stands in no manifest, and a minimum above the maximum in no policy."""
    with pytest.raises(ValueError, match=r"tolerance 0\.2"):
        hpa_manifest(AutoscalePolicy(target=0.7, tolerance=0.2), name="house-prices")
    with pytest.raises(ValueError, match="minimum is 9"):
        AutoscalePolicy(target=0.7, minimum=9, maximum=3)


def test_replay_counts_requests_and_minutes() -> None:
    """One replica for a minute costs a minute; a load at half of its capacity waits for nothing."""
    found = replay(AutoscalePolicy(target=0.7), [50.0] * 4, capacity=100, slo_s=0.2)
    assert found.replicas == (1, 1, 1, 1)
    assert found.replica_minutes == pytest.approx(1)
    assert (found.late, max(found.wait_s)) == (0, 0)


def test_replay_waits_for_replicas_that_start() -> None:
    """A jump to four replicas' load is late until new ones are ready, and not after the queue is gone."""
    found = replay(AutoscalePolicy(target=0.7, maximum=20), [50.0] * 4 + [400.0] * 40, capacity=100, slo_s=0.5)
    assert found.late > 0
    assert found.wait_s[4] > 0.5
    assert found.wait_s[-1] == 0
    assert max(found.replicas) >= 6


def test_a_higher_minimum_costs_more_and_is_late_less() -> None:
    """The trade that the policy's numbers decide."""
    ramp = [50.0] * 10 + [100.0 + 20 * step for step in range(20)] + [50.0] * 30
    small, large = (
        replay(AutoscalePolicy(target=0.7, minimum=minimum, maximum=12), ramp, capacity=100, slo_s=0.3)
        for minimum in (1, 4)
    )
    assert small.late > large.late
    assert small.replica_minutes < large.replica_minutes


def test_impossible_replays_are_refused() -> None:
    """No capacity, no load, or a negative one."""
    for load, capacity in (([1.0], 0.0), ([], 10.0), ([-1.0], 10.0)):
        with pytest.raises(ValueError, match="positive capacity"):
            replay(AutoscalePolicy(target=0.7), load, capacity=capacity, slo_s=1)
