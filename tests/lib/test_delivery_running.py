"""An environment keeps what it was told: nothing is taken away before what replaces it is there."""

from __future__ import annotations

import pytest
import requests
from fastapi import Response
from pydantic import ValidationError

from lib.delivery.local_cluster import AppReplica, local_cluster, open_cluster
from lib.delivery.running import Spec
from lib.errors import DeliveryError
from tests.lib.delivery_tools import RARELY_FAILS, make_app
from tests.lib.serving_tools import wait


def settle(cluster, name="production"):
    wait(lambda: cluster.look(name).settled)
    return cluster.look(name)


def post(url, value=1.0):
    return requests.post(f"{url}/predict", json={"a": value}, timeout=30)


def test_what_replaces_is_ready_before_anything_goes():
    """A bare order from version 1 to version 2: while version 2 is not ready, version 1 answers."""
    ready = set()

    def app(version):
        made = make_app(version)

        @made.get("/ready")
        async def is_ready():
            return Response(status_code=200 if version in ready else 503)

        return made

    ready.add(1)
    with local_cluster(app) as cluster:
        cluster.apply("production", Spec(replicas={1: 1}, shares={1: 1.0}))
        url = settle(cluster).url
        cluster.apply("production", Spec(replicas={2: 2}, shares={2: 1.0}))
        for _ in range(5):
            running = cluster.look("production")
            assert not running.settled
            assert post(url).json()["model_version"] == 1
        ready.add(2)
        running = settle(cluster)
        assert {version: state.ready for version, state in running.versions.items()} == {2: 2}
        assert post(url).json()["model_version"] == 2
        assert cluster.look("staging").serving is None


def test_a_version_without_a_share_gets_no_request():
    """Not even when no other could take it."""
    with local_cluster(make_app) as cluster:
        cluster.apply("production", Spec(replicas={1: 1}))
        assert post(settle(cluster).url).status_code == 503


def test_what_clients_see_is_counted_by_version_from_the_last_change_of_shares():
    """Requests, failures and times; another number of replicas changes no share, and nothing is forgotten."""
    with local_cluster(make_app) as cluster:
        cluster.apply("production", Spec(replicas={1: 1, RARELY_FAILS: 1}, shares={1: 0.5, RARELY_FAILS: 0.5}))
        url = settle(cluster).url
        statuses = [post(url, value).status_code for value in [500.0] * 6]
        assert sorted(statuses) == [200] * 3 + [500] * 3
        post(url, "many")
        seen = cluster.look("production")
        assert seen.of(RARELY_FAILS).failed == 3
        assert seen.of(1).failed == 0
        assert seen.of(1).requests + seen.of(RARELY_FAILS).requests == 7
        assert seen.of(1).refused + seen.of(RARELY_FAILS).refused == 1
        assert seen.of(1).mean_ms > 0
        cluster.apply("production", Spec(replicas={1: 2, RARELY_FAILS: 1}, shares={1: 0.5, RARELY_FAILS: 0.5}))
        assert settle(cluster).of(RARELY_FAILS).failed == 3
        cluster.apply("production", Spec(replicas={1: 2}, shares={1: 1.0}))
        assert settle(cluster).of(1).requests == 0


def test_replicas_that_do_not_start_are_tried_again_after_a_pause():
    """Not at every look; what serves goes on, and when the cause is gone it comes up by itself."""
    tried, mended = [], []

    def app(version):
        if version == 2 and not mended:
            tried.append(version)
            raise RuntimeError("no room on the disk")
        return make_app(version)

    with local_cluster(app) as cluster:
        cluster.apply("production", Spec(replicas={1: 1}, shares={1: 1.0}))
        url = settle(cluster).url
        cluster.apply("production", Spec(replicas={1: 1, 2: 1}, shares={1: 1.0}))
        for _ in range(100):
            running = cluster.look("production")
        assert "no room on the disk" in running.of(2).trouble
        assert len(tried) <= 2
        assert post(url).status_code == 200
        mended.append(True)
        assert settle(cluster).of(2).ready == 1


def test_what_it_was_told_survives_it(tmp_path):
    """It comes back by itself; a file that cannot be read is named and nothing is started."""
    spec = Spec(replicas={3: 1}, shares={3: 1.0})

    def opened():
        return open_cluster(lambda _name, version: AppReplica(make_app, version), folder=tmp_path, kind="embedded")

    with opened() as environments:
        environments["production"].apply(spec)
    with opened() as environments:
        production = environments["production"]
        assert production.spec == spec
        wait(lambda: production.advance() or production.look().settled)
        assert post(production.look().url).json()["model_version"] == 3
    (tmp_path / "production.json").write_text('{"replicas": ')
    with pytest.raises(DeliveryError, match=r"production.json, what production runs, cannot be read"), opened():
        pass


def test_an_order_that_makes_no_sense_is_refused():
    """A share needs a replica, a replica a positive number."""
    for content in (
        {"shares": {1: 1.0}},
        {"replicas": {1: 0}},
        {"replicas": {1: 1}, "shares": {1: 0}},
        {"replica": {}},
    ):
        with pytest.raises(ValidationError):
            Spec.model_validate(content)
    assert str(Spec(replicas={1: 2, 2: 1}, shares={1: 1.0})) == "2 × version 1 (100%), 1 × version 2 (0%)"
