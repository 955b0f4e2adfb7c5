"""What a target tells at its /metrics, asked as Prometheus asks; replicas behind one name are asked one by one."""

from __future__ import annotations

import socket
import urllib.request
from http.client import HTTPException
from urllib.parse import urlsplit

from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

TIMEOUT_S = 5.0


def scrape(url: str, *, key: str = "") -> list[Metric]:
    """The figures at `url`/metrics, by the `key` that it asks for; raises OSError when nobody answers so."""
    told: list[Metric] = []
    for address in _addresses(url):
        try:
            asked = urllib.request.Request(f"{address}/metrics", headers={"X-API-Key": key} if key else {})  # noqa: S310  the operator's
            with urllib.request.urlopen(asked, timeout=TIMEOUT_S) as answer:  # noqa: S310  likewise
                told += text_string_to_metric_families(answer.read().decode())
        except (ValueError, HTTPException) as error:
            raise OSError(f"{address}/metrics is not what Prometheus reads: {error}") from error
    return told


def _addresses(url: str) -> list[str]:
    """`url`, once for each machine that its name stands for.

    >>> _addresses("http://127.0.0.1:8000/")
    ['http://127.0.0.1:8000']
    """
    parts = urlsplit(url.rstrip("/"))
    if parts.scheme != "http" or parts.hostname is None:
        return [url.rstrip("/")]
    port = parts.port or 80
    found = socket.getaddrinfo(parts.hostname, port, socket.AF_INET, socket.SOCK_STREAM)
    return [parts._replace(netloc=f"{host}:{port}").geturl() for host in sorted({str(each[4][0]) for each in found})]
