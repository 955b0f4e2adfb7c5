"""One address in front of many servers: which of them take new requests, in what shares, and how many each has had."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, Protocol

Kind = Literal["haproxy", "embedded"]
TOP_WEIGHT = 256
# Says which backend answered; a canary's client can be told apart by it.
SERVED_BY = "X-Served-By"


@dataclass(frozen=True)
class Counts:
    """Of one backend since it was added: requests given to it, those that run now, those it failed (5xx or nothing).

    `refused` are those it answered with a 4xx; `mean_ms` is how long an answer took on average, None before the first
    (HAProxy: a whole number, over the last 1,024).
    """

    requests: int
    running: int
    failed: int
    refused: int = 0
    mean_ms: float | None = None


class Proxy(Protocol):
    """What both kinds do.

    A request that a backend has not got (its connection was refused) goes to another, whatever its method; one that it
    may have got goes to another only if it is a GET or a HEAD, else the client gets a 502 (from HAProxy, on a
    connection that it had used before, the end of that connection). A POST is never sent twice. With no backend to
    take it, the answer is 503. Every answer of a backend names it in `X-Served-By`.
    """

    kind: Kind
    url: str

    def route(self, weights: Mapping[str, int]) -> None:
        """From now on send new requests to these backends (`host:port`), in proportion to their weights, 0 to 256.

        One with the weight 0, or no longer named, gets no new request and finishes what it has; only named ones are
        counted. Raises ValueError for another weight, ProxyError when the proxy has ended.
        """

    def counts(self) -> dict[str, Counts]:
        """Of each backend named by `route`; raises ProxyError when the proxy has ended."""


@contextmanager
def open_proxy(port: int = 0, *, kind: Kind | None = None) -> Iterator[Proxy]:
    """A running proxy on 127.0.0.1 and `port`, or a free one; it has no backends yet and ends with this process.

    `haproxy` is HAProxy, moved through its admin socket, and taken where it is installed. `embedded` needs nothing: it
    is for a learner's machine, a thread of this process that takes some hundred requests a second, of at most 16 MiB.
    Raises ProxyError when the port is taken, or HAProxy is asked for and missing.
    """
    from lib.serving.proxy_embedded import embedded
    from lib.serving.proxy_haproxy import find_haproxy, haproxy

    if kind == "haproxy" or (kind is None and find_haproxy()):
        with haproxy(port) as moved:
            yield moved
    else:
        with embedded(port) as inside:
            yield inside


def check_weights(weights: Mapping[str, int]) -> None:
    """Raise ValueError unless each is a whole number from 0 to 256."""
    for address, weight in weights.items():
        if not 0 <= weight <= TOP_WEIGHT:
            raise ValueError(
                f"{address} has the weight {weight}. Give it one from 0 (no new requests) to {TOP_WEIGHT}."
            )
