"""A reconciler's end of the cluster's control address."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx

from lib.delivery.cluster import ADDRESS
from lib.delivery.running import Running, Spec
from lib.delivery.wanted import Environment
from lib.errors import DeliveryError

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
        self._ask("PUT", environment, content=spec.model_dump_json(), headers={"content-type": "application/json"})

    def _ask(self, method: str, environment: Environment, **more: Any) -> bytes:
        try:
            control = json.loads((self.folder / ADDRESS).read_text())["control"]
            transport = httpx.HTTPTransport(uds=control)
            with httpx.Client(transport=transport, base_url="http://cluster", timeout=_ANSWER_S) as client:
                answer = client.request(method, f"/environments/{environment}", **more)
        except (OSError, ValueError, KeyError, httpx.TransportError) as error:
            raise DeliveryError(
                f"no cluster answers in {self.folder} ({error}). Start it: python -m lib cluster run."
            ) from error
        if answer.status_code != 200:
            raise DeliveryError(f"the cluster answered {answer.status_code} about {environment}: {answer.text:.300}")
        return answer.content
