"""What the server takes of its machine: processor, memory and open files, of all its processes together."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import psutil
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector


@dataclass(frozen=True)
class _Taken:
    cpu_s: float
    memory_bytes: int
    files: int
    started_s: float


class Processes(Collector):
    """Metrics under the names that every Prometheus client uses, added up over the processes that `alive` names."""

    def __init__(self, alive: Callable[[], Sequence[int]]) -> None:
        self._alive = alive

    def collect(self) -> Iterable[Metric]:
        """Asked of the system at each scrape; a process that has just ended is left out."""
        taken = [found for found in map(_taken, self._alive()) if found is not None]
        yield CounterMetricFamily(
            "process_cpu_seconds", "Processor time, user and system", value=sum(each.cpu_s for each in taken)
        )
        yield GaugeMetricFamily(
            "process_resident_memory_bytes", "Memory held", value=sum(each.memory_bytes for each in taken)
        )
        yield GaugeMetricFamily("process_open_fds", "Open files", value=sum(each.files for each in taken))
        if taken:
            started_s = min(each.started_s for each in taken)
            yield GaugeMetricFamily("process_start_time_seconds", "When it started", value=started_s)


def _taken(pid: int) -> _Taken | None:
    with contextlib.suppress(psutil.Error):
        each = psutil.Process(pid)
        with each.oneshot():
            cpu = each.cpu_times()
            return _Taken(cpu.user + cpu.system, each.memory_info().rss, each.num_fds(), each.create_time())
    return None
