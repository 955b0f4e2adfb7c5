"""Both environments inside of this process, with apps as replicas: for labs, tests and a first look."""

from __future__ import annotations

import http.client
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from lib.delivery.running import Running, RunningEnvironment, Spec
from lib.delivery.wanted import ENVIRONMENTS, Environment
from lib.errors import DeliveryError, ReplicaDied
from lib.serving.drill import serving
from lib.serving.fleet import Fleet, Server
from lib.serving.proxy import Kind, open_proxy

_PROBE_S = 2.0


class Cluster(Protocol):
    """What a reconciler needs: to see how an environment runs, and to say how it should."""

    def look(self, environment: Environment) -> Running:
        """How it runs now."""

    def apply(self, environment: Environment, spec: Spec) -> None:
        """Have it run so from now on; returns at once."""


class LocalCluster:
    """Environments that take their next steps whenever somebody looks."""

    def __init__(self, environments: Mapping[Environment, RunningEnvironment]) -> None:
        self._environments = environments

    def look(self, environment: Environment) -> Running:
        self._environments[environment].advance()
        return self._environments[environment].look()

    def apply(self, environment: Environment, spec: Spec) -> None:
        self._environments[environment].apply(spec)
        self._environments[environment].advance()


@contextmanager
def open_cluster(
    start: Callable[[Environment, int], Server],
    *,
    folder: Path | None = None,
    ports: Mapping[Environment, int] | None = None,
    kind: Kind | None = None,
    say: Callable[[str], None] = lambda _text: None,
) -> Iterator[dict[Environment, RunningEnvironment]]:
    """Staging and production, each a fleet of what `start(name, version)` makes behind a proxy; stopped at the end.

    With a `folder` they run again what they were told before. Raises ProxyError when a port is taken.
    """
    with ExitStack() as stack:
        found: dict[Environment, RunningEnvironment] = {}
        for name in ENVIRONMENTS:
            proxy = stack.enter_context(open_proxy((ports or {}).get(name, 0), kind=kind))
            fleet = stack.enter_context(Fleet(proxy, partial(_start, start, name), say=say))
            found[name] = RunningEnvironment(name, fleet, None if folder is None else folder / f"{name}.json")
        yield found


@contextmanager
def local_cluster(make_app: Callable[[int], Any], *, kind: Kind = "embedded") -> Iterator[LocalCluster]:
    """A cluster whose replicas are ASGI apps in threads of this process: `make_app(version)` is called for each.

    What `make_app` raises is why that version does not start.
    """
    with open_cluster(lambda _name, version: AppReplica(make_app, version), kind=kind) as environments:
        yield LocalCluster(environments)


def _start(start: Callable[[Environment, int], Server], name: Environment, version: int | None) -> Server:
    if version is None:
        raise DeliveryError(f"{name} runs numbered versions, and was told to run one without a number.")
    return start(name, version)


class AppReplica:
    """An app on a free port of this machine, in a thread of this process; see `lib.serving.fleet.Server`."""

    def __init__(self, make_app: Callable[[int], Any], version: int) -> None:
        self.version: int | None = version
        self.address, self._end = "127.0.0.1:0", ""
        self._open = ExitStack()
        try:
            port = self._open.enter_context(serving(make_app(version)))
        except Exception as error:  # noqa: BLE001  whatever an app raises, it is why it does not start
            self._end = f"did not start: {type(error).__name__}: {error}"
        else:
            self.address = f"127.0.0.1:{port}"

    def __str__(self) -> str:
        return f"version {self.version} at {self.address}"

    def get(self, path: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(self.address, timeout=_PROBE_S)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def ready(self) -> bool:
        """Whether it answers /ready or, where an app has none, /health."""
        if self._end:
            raise ReplicaDied(f"{self} {self._end}")
        try:
            status, _ = self.get("/ready")
            return status == 200 or (status == 404 and self.get("/health")[0] == 200)
        except (OSError, http.client.HTTPException):
            return False

    def end(self) -> str | None:
        return self._end or None

    def said(self) -> str:
        return self._end or "nothing"

    def terminate(self) -> None:
        self._open.close()
        self._end = self._end or "was stopped"

    def kill(self) -> None:
        self.terminate()
