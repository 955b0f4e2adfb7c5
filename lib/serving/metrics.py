"""What the server tells Prometheus: base units, no user in a label, the version in an `_info` metric."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest, multiprocess
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from lib.serving.processes import Processes

if TYPE_CHECKING:
    from lib.serving.bundle import Bundle

MULTIPROCESS = "PROMETHEUS_MULTIPROC_DIR"
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class Metrics:
    """The metrics of one app in a registry of its own.

    With several worker processes `PROMETHEUS_MULTIPROC_DIR` names a folder that they share, set before the first
    import of prometheus_client; any worker then answers for all. `also` are told with them.
    """

    def __init__(self, *, queue_rows: int = 0, also: Iterable[Collector] = ()) -> None:
        own = self._own = CollectorRegistry()
        self._also = (Processes(_workers), *also)
        self.requests = Counter("serving_requests", "Requests answered", ["path", "status"], registry=own)
        self.seconds = Histogram(
            "serving_request_duration_seconds",
            "From the request to its answer",
            ["path"],
            buckets=_SECONDS,
            registry=own,
        )
        self.predictions = Counter("serving_predictions", "Rows answered", ["model_version"], registry=own)
        self.batch_rows = Histogram(
            "serving_batch_rows", "Rows predicted together", buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256), registry=own
        )
        self.queue_rows = Gauge(
            "serving_queue_rows", "Rows waiting for the model", multiprocess_mode="livesum", registry=own
        )
        Gauge("serving_queue_capacity_rows", "Rows that may wait", multiprocess_mode="livesum", registry=own).set(
            queue_rows
        )
        self._loaded = Gauge(
            "serving_model_loaded", "Whether a version answers", multiprocess_mode="livemin", registry=own
        )
        self.dropped = Counter("serving_log_dropped", "Rows answered without a record, by policy", registry=own)
        self.swaps = Counter("serving_model_swaps", "Versions put in place", registry=own)
        self.refused = Counter("serving_model_refusals", "Versions or looks at the registry that failed", registry=own)
        self._model = Gauge(
            "serving_model_info", "The version that answers", ["name", "version", "run_id"],
            multiprocess_mode="livemax", registry=own,
        )  # fmt: skip
        self._shown: tuple[str, str, str] | None = None

    def show(self, bundle: Bundle | None) -> None:
        """Name the version that answers from now on."""
        if self._shown is not None:
            self._model.labels(*self._shown).set(0)
            if MULTIPROCESS not in os.environ:  # there nothing can be removed
                self._model.remove(*self._shown)
        self._shown = None if bundle is None else (bundle.name, str(bundle.version), bundle.run_id)
        self._loaded.set(self._shown is not None)
        if self._shown is not None:
            self._model.labels(*self._shown).set(1)

    def render(self) -> bytes:
        """The text format, of all workers together."""
        return generate_latest(self._together())

    def read(self) -> Iterable[Metric]:
        """The same, as it is."""
        return self._together().collect()

    def _together(self) -> CollectorRegistry:
        together = CollectorRegistry()
        if MULTIPROCESS in os.environ:
            multiprocess.MultiProcessCollector(together)
        else:
            together.register(_Collected(self._own))
        for each in self._also:
            together.register(each)
        return together


class _Collected(Collector):
    """A registry within another."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterable[Metric]:
        return self._registry.collect()


def shared_file(name: str) -> Path | None:
    """A file that the workers of this server have in common, None where there is one alone; not of metrics' kind."""
    folder = os.environ.get(MULTIPROCESS)
    return None if folder is None else Path(folder, name)


def _workers() -> list[int]:
    """The processes that serve together."""
    folder = os.environ.get(MULTIPROCESS)
    if folder is None:
        return [os.getpid()]
    return sorted({int(path.stem.rpartition("_")[2]) for path in Path(folder).glob("gauge_live*_*.db")})


def forget_dead_workers() -> None:
    """Take the gauges of workers that are gone out of the shared folder; their counters stay, for they did happen."""
    import psutil

    for path in Path(os.environ.get(MULTIPROCESS, os.devnull)).glob("gauge_live*_*.db"):
        pid = int(path.stem.rpartition("_")[2])
        if not psutil.pid_exists(pid):
            multiprocess.mark_process_dead(pid)
