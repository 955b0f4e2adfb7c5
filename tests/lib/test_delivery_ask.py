"""The smoke test that a reconciler asks is whoever's it is handed."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from lib.delivery.local_cluster import local_cluster
from lib.delivery.reconcile import reconcile
from lib.delivery.smoke import Expected, Golden, SmokeCheck, SmokeReport
from lib.delivery.wanted import Canary, Wanted
from lib.delivery.wanted_repository import WantedRepository


def app(version: int) -> Starlette:
    """A server that is healthy and can do nothing else."""
    return Starlette(routes=[Route("/health", lambda _request: JSONResponse({"model_version": version}))])


@pytest.mark.parametrize("outcome", ["passed", "failed"])
def test_another_smoke_test_decides(tmp_path: Path, outcome):
    """It is told the address and what the version must answer, and its reason is the report's."""
    repository = WantedRepository.create(tmp_path / "wanted")
    expected = Expected(golden=(Golden(row={"a": 1}, low=0, high=1),) * 2)
    wanted = Wanted(model="m", version=3, replicas=1, canary=Canary(steps=()))
    repository.want("staging", wanted, by="ada", expected=expected)
    asked = []

    def ask(url: str, expected: Expected) -> SmokeReport:
        asked.append((url.startswith("http://127.0.0.1:"), expected.model_version))
        return SmokeReport(url=url, checks=(SmokeCheck(name="own", outcome=outcome, reason="so it is"),))

    deadline = time.monotonic() + 60
    with local_cluster(app) as cluster:
        staging = None
        while staging is None or (staging.state == "rolling out" and time.monotonic() < deadline):
            staging, _ = reconcile(repository, cluster, folder=tmp_path / "state", wait_s=1, ask=ask)
    assert set(asked) == {(True, 3)}
    assert staging.state == ("in place" if outcome == "passed" else "rolled back")
    assert ("so it is" in staging.reason) == (outcome == "failed")
