"""What the tests of delivery stand on: small apps as versions, and a git repository that asks for them."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import requests
from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from lib.delivery.deployment import open_deployment
from lib.delivery.local_cluster import Cluster, local_cluster
from lib.delivery.reconcile import Report, reconcile
from lib.delivery.running import Running, Spec, VersionState
from lib.delivery.smoke import Expected, Golden
from lib.delivery.wanted import Canary, CanaryStep, Environment, Wanted
from lib.delivery.wanted_repository import Commit, WantedRepository
from lib.errors import DeliveryError
from lib.serving.drill import serving
from lib.settings import Settings
from tests.lib.serving_tools import process, wait

MODEL = "m"
CANARY = Canary(steps=(CanaryStep(share=0.5, requests=20),), failures=0.0)
# What is wrong with a version, where something is.
WRONG, RARELY_FAILS, NEVER_STARTS, REFUSES_MORE = 6, 7, 8, 9


class Row(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    a: Annotated[float, Field(ge=-1e6, le=1e6)]


def make_app(version: int) -> FastAPI:
    """A service that answers 2 a; what is wrong with it says its number."""
    if version == NEVER_STARTS:
        raise RuntimeError("its files have vanished")
    app = FastAPI()

    @app.exception_handler(RequestValidationError)
    async def refuse(_request: Request, error: RequestValidationError) -> JSONResponse:
        faults = [{"loc": each["loc"], "msg": each["msg"]} for each in error.errors()]
        return JSONResponse({"detail": faults}, 422)

    @app.get("/health")
    async def health() -> dict[str, Any]:
        return {"status": "ready", "model_version": version}

    @app.post("/predict")
    async def predict(row: Row) -> dict[str, Any]:
        if row.a > 100 and version == RARELY_FAILS:
            raise HTTPException(500, "nobody thought of that")
        if row.a > 100 and version == REFUSES_MORE:
            raise HTTPException(422, "too large for me")
        return {"predictions": [row.a * (7 if version == WRONG else 2)], "model_version": version}

    return app


def expected(_version: int = 0) -> Expected:
    rows = ((1.0, 2.0), (2.0, 4.0), (30.0, 60.0))
    golden = tuple(Golden(row={"a": a}, low=answer - 0.1, high=answer + 0.1) for a, answer in rows)
    return Expected(golden=golden, latency_p95_ms=5_000)


def wanted(version: int, **more: Any) -> Wanted:
    return Wanted(**{"model": MODEL, "version": version, "replicas": 1, "canary": CANARY, **more})


@dataclass
class World:
    """A repository, a cluster and the folder of a reconciler."""

    git: WantedRepository
    cluster: Cluster
    folder: Path

    def ask_for(self, environment: Environment, version: int, **more: Any) -> Commit:
        return self.git.want(environment, wanted(version, **more), by="ada", expected=expected(version))

    def reconcile(self, *, wait_s: float = 30.0, **more: Any) -> tuple[Report, Report]:
        staging, production = reconcile(self.git, self.cluster, folder=self.folder, wait_s=wait_s, **more)
        return staging, production

    def until_staged(self) -> Report:
        """Reconcile until staging stands, and look once more; how production stands then."""
        wait(lambda: not self.reconcile(wait_s=0)[0].state.startswith("rolling"))
        return self.reconcile(wait_s=0)[1]

    def ask(self, values: list[float]) -> list[int]:
        """Ask production; the statuses."""
        url = self.cluster.look("production").url
        with requests.Session() as session:
            return [session.post(f"{url}/predict", json={"a": each}, timeout=30).status_code for each in values]

    def under_clients(self, values: list[float]) -> tuple[Report, list[int]]:
        """Reconcile beside clients that send `values` again and again, until production stands; their statuses."""
        statuses: list[int] = []
        for _ in range(200):
            _, production = self.reconcile(wait_s=0)
            if not production.state.startswith("rolling"):
                return production, statuses
            statuses += self.ask(values)
        raise AssertionError(f"production still is {production}")


@contextlib.contextmanager
def world(folder: Path) -> Iterator[World]:
    """A fresh one, with version 1 in both environments."""
    with local_cluster(make_app) as cluster:
        found = World(WantedRepository.create(folder / "wanted"), cluster, folder / "state")
        found.ask_for("staging", 1)
        found.ask_for("production", 1)
        reports = found.reconcile()
        assert [(each.state, each.serving) for each in reports] == [("in place", 1)] * 2, reports
        yield found


@dataclass
class InstantCluster:
    """Does what it is told at once, so that a reconciler can be killed at each of its moments; its servers are real."""

    servers: dict[int, str]
    seen: dict[int, dict[str, int]] = field(default_factory=dict)
    kill_at: int | None = None
    calls: int = 0
    specs: dict[Environment, list[Spec]] = field(default_factory=lambda: {"staging": [Spec()], "production": [Spec()]})

    def look(self, environment: Environment) -> Running:
        self._count()
        spec = self.specs[environment][-1]
        versions = {
            version: VersionState(
                version=version, ready=count, addresses=(self.servers[version],),
                **{"requests": 1_000, **self.seen.get(version, {})},
            )
            for version, count in spec.replicas.items()
        }  # fmt: skip
        serving_now = max(spec.shares, key=lambda version: spec.shares[version], default=None)
        url = f"http://{self.servers[serving_now]}" if serving_now is not None else "http://127.0.0.1:9"
        return Running(environment=environment, url=url, spec=spec, settled=True, age_s=0.0, versions=versions)

    def apply(self, environment: Environment, spec: Spec) -> None:
        self._count()
        self.specs[environment].append(spec)
        self._count()  # killed after it was done, before it was known

    def _count(self) -> None:
        self.calls += 1
        if self.calls == self.kill_at:
            raise Killed


class Killed(BaseException):
    """The end of a reconciler that nobody can catch."""


@contextlib.contextmanager
def servers(*versions: int) -> Iterator[dict[int, str]]:
    """One running server a version."""
    with contextlib.ExitStack() as stack:
        yield {each: f"127.0.0.1:{stack.enter_context(serving(make_app(each)))}" for each in versions}


@contextlib.contextmanager
def clean_environment() -> Iterator[None]:
    """A workspace sets variables of the process; they are taken back."""
    before = dict(os.environ)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextlib.contextmanager
def running_cluster(settings: Settings, *options: str) -> Iterator[subprocess.Popen[str]]:
    """The cluster as a process of its own, once it answers; killed at the end."""
    deployment = open_deployment(settings)
    arguments = ["-m", "lib", "cluster", "run", "--root", str(settings.root), *options]
    with process(arguments, settings.root) as child:

        def answers() -> Running | None:
            assert child.poll() is None, (settings.root / "said").read_text()
            with contextlib.suppress(DeliveryError):
                return deployment.cluster.look("production")
            return None

        wait(answers, 120)
        yield child
