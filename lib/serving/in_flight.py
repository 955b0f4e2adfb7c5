"""How busy each replica is: the mean number of predictions that it was answering, from its own /metrics."""

from __future__ import annotations

import http.client
from collections import deque
from collections.abc import Sequence

from lib.serving.fleet import Server

METRIC = "serving_requests_in_flight"
_PREDICTING = ("/predict", "/invocations", "/v2/models/")


class InFlight:
    """The mean over the last `window_s` seconds (what Prometheus has as `rate(…_duration_seconds_sum[window])`).

    The seconds that predictions took, divided by the seconds that went by, are the mean number of them under way
    (Little's law). A request counts once it is answered, those that wait inside of the server included.
    """

    def __init__(self, window_s: float) -> None:
        self._window_s = window_s
        self._seen: dict[str, deque[tuple[float, float]]] = {}

    def measure(self, now_s: float, replicas: Sequence[Server]) -> list[float | None]:
        """Of each replica, None where it did not answer or was asked for the first time; `now_s` only goes forward."""
        self._seen = {each.address: self._seen.get(each.address, deque()) for each in replicas}
        return [self._mean(now_s, each) for each in replicas]

    def _mean(self, now_s: float, replica: Server) -> float | None:
        try:
            busy_s = _busy_seconds(replica.get("/metrics")[1].decode())
        except (OSError, http.client.HTTPException):
            return None
        seen = self._seen[replica.address]
        seen.append((now_s, busy_s))
        # The one at the window's edge is kept: the growth since then is what counts.
        while len(seen) > 2 and seen[1][0] <= now_s - self._window_s:
            seen.popleft()
        since_s, before_s = seen[0]
        return (busy_s - before_s) / (now_s - since_s) if now_s > since_s else None


def _busy_seconds(text: str) -> float:
    from prometheus_client.parser import text_string_to_metric_families

    return sum(
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "serving_request_duration_seconds_sum" and sample.labels["path"].startswith(_PREDICTING)
    )
