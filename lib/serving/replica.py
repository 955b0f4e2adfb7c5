"""One replica: a real server process on a free port of this machine, from its start to its drained end."""

from __future__ import annotations

import http.client
import json
import os
import socket
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Self

from lib.errors import ReplicaDied
from lib.serving.lookup import SimulatedLookup
from lib.serving.replica_process import Serving, start_process
from lib.settings import Settings

if TYPE_CHECKING:
    from lib.serving.server import Equip

HOST = "127.0.0.1"
READY_S = 60.0
DRAIN_S = 30.0
_PROBE_S = 2.0
_POLL_S = 0.02


class Replica:
    """Starts at once; `with` stops it at the end. It ends with this process, too, in whatever way that ends.

    Without `version` it serves the champion of `model` and follows the registry; with it, that version whatever its
    stage. `equip` is as `lib.serving.server.serve` takes it, `address` is `127.0.0.1:PORT`. The first one that a
    process starts takes some seconds; see `start_process`.
    """

    def __init__(
        self,
        model: str,
        *,
        settings: Settings,
        version: int | None = None,
        lookup: SimulatedLookup | None = None,
        equip: Equip | None = None,
    ) -> None:
        self.version = version
        self._what = model if version is None else f"version {version} of {model}"
        serving = Serving(model=model, settings=settings, version=version, lookup=lookup, equip=equip)
        self._said: IO[bytes] = tempfile.NamedTemporaryFile(prefix="replica-", delete=False)  # noqa: SIM115  it stays
        with socket.socket() as address:
            # Bound but not listening: until the server listens, connections are refused.
            address.bind((HOST, 0))
            self.address = f"{HOST}:{address.getsockname()[1]}"
            self.url = f"http://{self.address}"
            self._process = start_process(serving, address, self._said.name)
        self.pid = self._process.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def __str__(self) -> str:
        return f"{self._what} at {self.address} (process {self.pid})"

    def end(self) -> str | None:
        """How the process ended and its last words; None while it runs."""
        code = self._process.exitcode
        if code is None:
            return None
        how = f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
        return f"{how}. It said: {self.said()}"

    def said(self) -> str:
        """The end of what it wrote."""
        if self._said.closed:
            return self._last_words
        size = os.fstat(self._said.fileno()).st_size
        return os.pread(self._said.fileno(), 2000, max(0, size - 2000)).decode(errors="replace").strip() or "nothing"

    def ready(self) -> bool:
        """Whether it answers predictions now; raises ReplicaDied when it has ended."""
        return self._not_ready() is None

    def wait_ready(self, limit_s: float = READY_S) -> Self:
        """Return once it answers predictions; raises ReplicaDied when it ends, or does not within `limit_s`."""
        deadline = time.monotonic() + limit_s
        while (reason := self._not_ready()) is not None:
            if time.monotonic() > deadline:
                raise ReplicaDied(
                    f"{self} was not ready within {limit_s:g} s: {reason}. It said: {self.said()}. Read why, or allow "
                    "more time."
                )
            time.sleep(_POLL_S)
        return self

    def get(self, path: str) -> tuple[int, bytes]:
        """Status and body of one address; raises OSError or http.client.HTTPException when there is no answer."""
        connection = http.client.HTTPConnection(self.address, timeout=_PROBE_S)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def terminate(self) -> None:
        """Ask it to finish what it has taken, and end; does not wait."""
        self._process.terminate()

    def stop(self, limit_s: float = DRAIN_S) -> None:
        """Have it finish what it has taken and end; after `limit_s` it is killed."""
        self.terminate()
        self._process.join(limit_s)
        self.kill()

    def kill(self) -> None:
        """End it at once; what it had taken is not answered."""
        self._process.kill()
        self._process.join()
        self._last_words = self.said()
        self._said.close()
        Path(self._said.name).unlink(missing_ok=True)

    def _not_ready(self) -> str | None:
        if (how := self.end()) is not None:
            raise ReplicaDied(f"{self} {how}")
        try:
            status, body = self.get("/ready")
        except (OSError, http.client.HTTPException) as error:
            return f"/ready did not answer ({error!r})"
        return None if status == 200 else f"/ready answered {status} {_reason(body)}"


def _reason(body: bytes) -> str:
    try:
        found = json.loads(body)
        return str((found.get("refused") or found)["reason" if found.get("refused") else "status"])
    except (ValueError, KeyError, AttributeError):
        return body[:200].decode(errors="replace")
