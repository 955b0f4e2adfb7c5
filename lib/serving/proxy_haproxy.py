"""HAProxy as the proxy: backends are added, weighed and removed through its admin socket, without a reload."""

from __future__ import annotations

import csv
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from lib.child import start_child, stop_child
from lib.errors import ProxyError
from lib.serving.proxy import SERVED_BY, Counts, Kind, check_weights

HOST = "127.0.0.1"
_SYSTEM_FOLDERS = "/usr/local/sbin:/usr/sbin"
_START_S = 10.0
_ANSWER_S = 5.0
_TRIES = 3
_POLL_S = 0.005
# Connections to servers are not kept: over a kept one, a request and the end of an idle server could cross, and nobody
# could tell whether the request was read. `noreuseport` makes a taken port an error.
_CONFIGURATION = f"""
global
    stats socket {{socket}} mode 600 level admin
    nbthread 1
    noreuseport
defaults
    mode http
    timeout connect 2s
    timeout client 60s
    timeout server 60s
    option http-server-close
    retries 3
    option redispatch 1
    retry-on conn-failure empty-response
frontend clients
    bind {HOST}:{{port}}
    http-after-response set-header {SERVED_BY} %[srv_name] if {{{{ srv_name -m found }}}}
    default_backend replicas
backend replicas
    balance roundrobin
    http-request disable-l7-retry unless {{{{ method GET HEAD }}}}
"""


@contextmanager
def haproxy(port: int) -> Iterator[HAProxy]:
    """A running HAProxy on `port`, or a free one; raises ProxyError when it is missing or cannot start."""
    program = find_haproxy()
    if program is None:
        raise ProxyError("haproxy was not found. Install it (Debian: apt-get install haproxy), or use kind='embedded'.")
    # A free port may be taken by another before HAProxy binds it.
    for left in reversed(range(_TRIES)):
        # Not under TMPDIR's or a project's long path: a socket's name has room for about 100 bytes.
        base = tempfile.gettempdir() if len(tempfile.gettempdir()) < 60 else "/tmp"  # noqa: S108  mkdtemp is private
        folder = Path(tempfile.mkdtemp(prefix="haproxy-", dir=base))
        proxy = HAProxy(program, folder, port or _free_port())
        try:
            proxy.wait()
        except ProxyError:
            proxy.close()
            if port or not left:
                raise
            continue
        try:
            yield proxy
        finally:
            proxy.close()
        return


def find_haproxy() -> str | None:
    """The path of the program, None without one; Debian puts it where only root's PATH leads."""
    return shutil.which("haproxy") or shutil.which("haproxy", path=_SYSTEM_FOLDERS)


class HAProxy:
    """See `lib.serving.proxy.Proxy`; for one thread at a time."""

    kind: Kind = "haproxy"

    def __init__(self, program: str, folder: Path, port: int) -> None:
        self.url = f"http://{HOST}:{port}"
        self._folder, self._admin, self._log = folder, folder / "admin.sock", folder / "log"
        self._weights: dict[str, int] = {}
        self._leaving: set[str] = set()
        (folder / "haproxy.cfg").write_text(_CONFIGURATION.format(socket=self._admin, port=port))
        self._process = start_child([program, "-db", "-f", "haproxy.cfg"], folder, log=self._log)
        self.pid = self._process.pid

    def wait(self) -> None:
        """Until it takes requests; raises ProxyError when it does not start."""
        deadline = time.monotonic() + _START_S
        while not self._listening():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise ProxyError(f"HAProxy does not start at {self.url}: {self._said()}. Stop what serves there, or "
                                 "choose another port.")  # fmt: skip
            time.sleep(_POLL_S)

    def route(self, weights: Mapping[str, int]) -> None:
        check_weights(weights)
        # HAProxy is told one thing at a time: who gets more comes first, so that a request in between finds somebody.
        for address in sorted(weights, key=lambda each: self._weights.get(each, 0) - weights[each]):
            weight = weights[address]
            if address not in self._weights:
                self._add(address, weight)
            elif self._weights[address] != weight:
                self._tell(f"set server replicas/{address} weight {weight}")
            self._weights[address] = weight
        for address in self._weights.keys() - weights.keys():
            self._tell(f"set server replicas/{address} state maint")
            self._leaving.add(address)
            del self._weights[address]
        self._forget_idle()

    def counts(self) -> dict[str, Counts]:
        self._forget_idle()
        text = self._ask("show stat").removeprefix("# ")
        return {
            row["svname"]: Counts(
                requests=int(row["stot"]),
                running=int(row["scur"]),
                failed=int(row["hrsp_5xx"]) + int(row["eresp"]),
                refused=int(row["hrsp_4xx"]),
                mean_ms=float(row["rtime"]) if int(row["stot"]) > int(row["scur"]) else None,
            )
            for row in csv.DictReader(text.splitlines())
            if row["pxname"] == "replicas" and row["svname"] in self._weights
        }

    def close(self) -> None:
        """End it."""
        stop_child(self._process)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _add(self, address: str, weight: int) -> None:
        if address in self._leaving:  # it came back before its last request was done
            self._tell(f"set server replicas/{address} weight {weight}")
            self._leaving.remove(address)
        else:
            self._ask(f"add server replicas/{address} {address} weight {weight}", expected="New server registered.")
        self._tell(f"set server replicas/{address} state ready")

    def _forget_idle(self) -> None:
        for address in list(self._leaving):
            # Refused while requests run there; asked again next time.
            if "deleted" in self._ask(f"del server replicas/{address}"):
                self._leaving.remove(address)

    def _tell(self, command: str) -> None:
        self._ask(command, expected="")

    def _ask(self, command: str, *, expected: str | None = None) -> str:
        try:
            with socket.socket(socket.AF_UNIX) as admin:
                admin.settimeout(_ANSWER_S)
                admin.connect(str(self._admin))
                admin.sendall(f"{command}\n".encode())
                answer = b"".join(iter(lambda: admin.recv(65536), b"")).decode().strip()
        except OSError as error:
            raise ProxyError(
                f"HAProxy at {self.url} does not answer its admin socket ({error}): {self._said()}. Start it again."
            ) from error
        if expected is not None and answer != expected:
            raise ProxyError(f"HAProxy refused {command!r}: {answer}")
        return answer

    def _listening(self) -> bool:
        """It answers its admin socket: that one can be connected to before the port was tried, which may be taken."""
        with suppress(OSError), socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(_ANSWER_S)
            probe.connect(str(self._admin))
            probe.sendall(b"show version\n")
            return bool(probe.recv(1))
        return False

    def _said(self) -> str:
        try:
            lines = self._log.read_text(errors="replace").splitlines()
        except OSError:
            return "its log is gone"
        return " ".join(line for line in lines if line.startswith("[ALERT]"))[-500:] or "it gave no alert"


def _free_port() -> int:
    with socket.socket() as address:
        address.bind((HOST, 0))
        return int(address.getsockname()[1])
