"""A reconciler's end of the cluster's control address."""

from __future__ import annotations

import http.client
import json
import socket
from contextlib import closing
from pathlib import Path

from lib.delivery.running import Running, Spec
from lib.delivery.wanted import Environment
from lib.errors import DeliveryError

ADDRESS = "cluster.json"
_ANSWER_S = 30.0


class ClusterClient:
    """The cluster that runs in `folder`, wherever its control address is at the moment."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def look(self, environment: Environment) -> Running:
        """How it runs now; raises DeliveryError when no cluster answers."""
        return Running.model_validate_json(self._ask("GET", environment))

    def apply(self, environment: Environment, spec: Spec) -> None:
        """Have it run so from now on; raises DeliveryError when no cluster answers."""
        self._ask("PUT", environment, spec.model_dump_json())

    def _ask(self, method: str, environment: Environment, content: str | None = None) -> str:
        try:
            control = json.loads((self.folder / ADDRESS).read_text())["control"]
            with closing(_UnixConnection(control)) as connection:
                headers = {} if content is None else {"Content-Type": "application/json"}
                connection.request(method, f"/environments/{environment}", content, headers)
                answer = connection.getresponse()
                status, text = answer.status, answer.read().decode()
        except (OSError, ValueError, KeyError, http.client.HTTPException) as error:
            raise DeliveryError(
                f"no cluster answers in {self.folder} ({error!r}). Start it: python -m lib cluster run."
            ) from error
        if status != 200:
            raise DeliveryError(f"the cluster answered {status} about {environment}: {text:.300}")
        return text


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("cluster", timeout=_ANSWER_S)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)  # what fails here is closed by `close`
