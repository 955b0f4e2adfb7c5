"""A new champion takes over whole, under load, and only when it is sound."""

from __future__ import annotations

import dataclasses
import itertools
import threading

import pytest
import requests
from sklearn.ensemble import RandomForestRegressor

from lib.errors import RegistryError, UnknownVersion
from lib.market import simulate
from lib.registry import Approval, promote, register, rollback
from lib.serving import Limits, create_app
from lib.settings import Settings
from lib.tracking import track
from tests.lib.serving_tools import NAME, NUMBERS, WAIT_S, forest, houses, loaded, rows, serving, wait
from tests.lib.test_serving_predict import Broken

CLIENTS = 6


def test_swaps_under_load_fail_nothing_and_mix_nothing(tmp_path):
    """While three versions take turns, every request is answered, with what its stated version predicts."""
    versions = {number: forest(number) for number in (1, 2, 3)}
    expected = {number: each.model.predict(houses()[0]).tolist() for number, each in versions.items()}
    wanted = [1]
    app = create_app(lambda: versions[wanted[0]], settings=Settings(root=tmp_path), limits=Limits(poll_s=60))
    stop, seen, wrong = threading.Event(), [], []

    def client(first):
        with requests.Session() as session:
            for start in itertools.count(first):
                if stop.is_set():
                    return
                start %= len(houses()[0]) - 4  # noqa: PLW2901
                answer = session.post(f"{served.url}/predict", json={"rows": rows(3, start)}, timeout=WAIT_S)
                body = answer.json()
                if (
                    answer.status_code != 200
                    or body["predictions"] != expected[body["model_version"]][start : start + 3]
                ):
                    wrong.append(body)
                seen.append(body["model_version"])

    with serving(app) as served:
        threads = [threading.Thread(target=client, args=(number * 50,)) for number in range(CLIENTS)]
        for thread in threads:
            thread.start()
        for number in (2, 3, 1, 2, 3):
            wanted[0] = number
            assert served.refresh() == number
            so_far = len(seen)
            wait(lambda: number in seen[so_far:])  # noqa: B023
        stop.set()
        for thread in threads:
            thread.join(WAIT_S)
        assert not wrong
        assert set(seen) == {1, 2, 3}
        assert "serving_model_swaps_total 6.0" in served.get("/metrics").text


def test_champion_that_fails_its_self_test_is_refused(tmp_path, caplog):
    """The old version serves on; log, metric and /ready say what was refused and why; a sound one then takes over."""
    broken = dataclasses.replace(forest(2), model=Broken("nan").fit(*houses()))
    wanted = [forest(1)]
    app = create_app(lambda: wanted[0], settings=Settings(root=tmp_path), limits=Limits(poll_s=60))
    with serving(app) as served:
        wanted[0] = broken
        for _ in range(2):
            assert served.refresh() == 1
        ready = served.get("/ready")
        assert ready.status_code == 200
        assert ready.json()["model_version"] == 1
        assert ready.json()["refused"]["version"] == 2
        assert "self-test" in ready.json()["refused"]["reason"]
        assert served.post("/predict", rows(1)[0]).json()["model_version"] == 1
        assert "serving_model_refusals_total 1.0" in served.get("/metrics").text
        assert [record.levelname for record in caplog.records if "self-test" in record.message] == ["ERROR"]
        wanted[0] = forest(3)
        assert served.refresh() == 3
        assert served.get("/ready").json()["refused"] is None


def test_new_inputs_come_with_their_version(tmp_path):
    """Rows are checked against the inputs of the version that answers them."""
    wanted = [forest(1)]
    app = create_app(lambda: wanted[0], settings=Settings(root=tmp_path), limits=Limits(poll_s=60))
    with serving(app) as served:
        narrow = {name: rows(1)[0][name] for name in NUMBERS}
        assert served.post("/predict", narrow).status_code == 422
        wanted[0] = loaded(RandomForestRegressor(3, random_state=0), NUMBERS, version=2)
        assert served.refresh() == 2
        assert served.post("/predict", narrow).json()["model_version"] == 2
        assert served.post("/predict", rows(1)[0]).status_code == 422
        assert "district" not in served.get("/openapi.json").text


def test_registry_out_of_reach_leaves_the_old_version(tmp_path):
    """What cannot be looked at now is tried again; meanwhile the old version answers, and the failure is counted."""
    fails = []

    def source():
        if fails:
            raise fails[0]
        return forest(1)

    app = create_app(source, settings=Settings(root=tmp_path), limits=Limits(poll_s=0.01))
    with serving(app) as served:
        for error in (RegistryError("out of reach"), UnknownVersion("its files were deleted"), OSError("gone")):
            fails[:] = [error]
            wait(lambda: str(error) in (served.get("/ready").json()["refused"] or {}).get("reason", ""))  # noqa: B023
            assert served.post("/predict", rows(1)[0]).status_code == 200
        fails.clear()
        wait(lambda: served.get("/ready").json()["refused"] is None)


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    """A registry with two registered versions, the first the champion."""
    settings = Settings(root=tmp_path_factory.mktemp("registry"), approvers=frozenset({"grace"}))
    table = simulate("moving", rows=400).houses
    for seed in (1, 2):
        run = track(RandomForestRegressor(3, random_state=seed), table, settings=settings)
        register(run.run_id, NAME, by="ada", settings=settings)
    _to_production(1, settings)
    return settings


def _to_production(version, settings):
    promote(NAME, version, to="Staging", by="ada", settings=settings)
    approval = Approval(by="grace", reason="it is better")
    promote(NAME, version, to="Production", by="ada", approval=approval, settings=settings)


def test_server_follows_the_ledger(registry, caplog):
    """A promotion, a rollback and a withdrawal in the real registry reach the server by polling."""
    with serving(create_app(NAME, settings=registry, limits=Limits(poll_s=0.05))) as served:
        assert served.post("/predict", rows(1)[0]).json()["model_version"] == 1
        _to_production(2, registry)
        wait(lambda: served.get("/ready").json()["model_version"] == 2)
        assert served.post("/predict", rows(1)[0]).json()["model_version"] == 2
        rollback(NAME, by="ada", reason="worse in the city", settings=registry)
        wait(lambda: served.post("/predict", rows(1)[0]).json()["model_version"] == 1)
        promote(NAME, 1, to="Archived", by="ada", reason="withdrawn", settings=registry)
        wait(lambda: served.get("/ready").status_code == 503)
        assert served.post("/predict", rows(1)[0]).status_code == 503
        assert "no version of" in served.get("/ready").json()["refused"]["reason"]
