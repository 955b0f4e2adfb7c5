"""The server looks at itself: at its metrics by the rules and the boards' questions, and remembers what it saw."""

from __future__ import annotations

import logging
import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from prometheus_client.metrics_core import Metric

from lib.monitoring.catalogue import RULES
from lib.monitoring.evaluate import Alert, Evaluator
from lib.monitoring.figures import Figures
from lib.monitoring.panels import BOARDS, Board, Panel
from lib.monitoring.query import series_names
from lib.monitoring.rules import Rule
from lib.monitoring.samples import Reading, Samples

JOB, MONITOR = "server", "monitor"
KEEP_S = 2 * 3600.0
POINTS = 180
"""How many looks a curve shows: a quarter of an hour at one every five seconds."""
_log = logging.getLogger(__name__)


class Watch:
    """Looks when it is told to, in any one thread at a time; `read` gives the metrics of the server it lives in.

    `monitor` gives those of a monitor that runs elsewhere, or raises OSError when it does not answer. It acts on
    nothing: that is for whoever runs the monitor. Alerts are counted in `figures`, where there are some.
    """

    def __init__(
        self,
        read: Callable[[], Iterable[Metric]],
        *,
        monitor: Callable[[], Iterable[Metric]] | None = None,
        rules: Sequence[Rule] = RULES,
        boards: Sequence[Board] = BOARDS,
        figures: Figures | None = None,
    ) -> None:
        questions = [rule.when for rule in rules] + [curve.query for panel in _panels(boards) for curve in panel.curves]
        names = {name for question in questions for name in series_names(question)}
        self._read, self._monitor, self._boards, self._figures = read, monitor, boards, figures
        self._silent = False
        self._evaluator = Evaluator(rules)
        self._samples = Samples(keep_s=KEEP_S, names=names)
        self._times: deque[float] = deque(maxlen=POINTS)
        self._values: dict[tuple[str, str, str], deque[float | None]] = {}

    def look(self, at: datetime) -> None:
        """One look: read, judge, remember."""
        at_s = at.timestamp()
        self._samples.scrape(at_s, readings(self._read()), job=JOB)
        self._ask_monitor(at_s)
        self._evaluator.evaluate(self._samples, at)
        if self._figures is not None:
            self._figures.show_alerts(self._evaluator.rules, self._evaluator.active)
        self._remember(at_s)

    @property
    def alerts(self) -> list[dict[str, Any]]:
        """What is pending and firing, for the page."""
        return [_told(alert) for alert in self._evaluator.active]

    @property
    def times(self) -> list[float]:
        """When it looked, in seconds since 1970."""
        return list(self._times)

    @property
    def boards(self) -> list[dict[str, Any]]:
        """The boards with their curves, a value for each of `times`, null where there was none."""
        return [
            {
                "name": board.name,
                "title": board.title,
                "panels": [{**_described(panel), "curves": self._curves(board, panel)} for panel in board.panels],
            }
            for board in self._boards
        ]

    def _ask_monitor(self, at_s: float) -> None:
        if self._monitor is None:
            return
        try:
            self._samples.scrape(at_s, readings(self._monitor()), job=MONITOR)
            self._silent = False
        except OSError as error:
            self._samples.miss(at_s, job=MONITOR)
            if not self._silent:
                _log.warning("the monitor does not tell its figures: %s", error)
            self._silent = True

    def _remember(self, at_s: float) -> None:
        self._times.append(at_s)
        found = {
            (board.name, panel.title, name): value
            for board in self._boards
            for panel in board.panels
            for name, value in self._answers(panel, at_s)
        }
        for key in found.keys() - self._values.keys():
            self._values[key] = deque([None] * (len(self._times) - 1), maxlen=POINTS)
        for key, values in list(self._values.items()):
            values.append(found.get(key))
            if not any(value is not None for value in values):
                del self._values[key]

    def _answers(self, panel: Panel, at_s: float) -> Iterator[tuple[str, float]]:
        for curve in panel.curves:
            for labels, value in curve.query.at(self._samples, at_s).items():
                if math.isfinite(value):
                    yield curve.called(dict(labels)), float(f"{value:.6g}")

    def _curves(self, board: Board, panel: Panel) -> list[dict[str, Any]]:
        mine = {
            name: values
            for (of, title, name), values in self._values.items()
            if (of, title) == (board.name, panel.title)
        }
        return [{"name": name, "values": list(values)} for name, values in sorted(mine.items())]


def _panels(boards: Iterable[Board]) -> Iterator[Panel]:
    for board in boards:
        yield from board.panels


def readings(families: Iterable[Metric]) -> Iterator[Reading]:
    """What exported metrics say, as a scrape takes it."""
    for family in families:
        for sample in family.samples:
            if not sample.name.endswith("_created"):
                yield Reading(sample.name, sample.labels, sample.value)


def _described(panel: Panel) -> dict[str, Any]:
    return {
        "title": panel.title, "about": panel.about, "unit": panel.unit, "limit": panel.limit, "below": panel.below,
        "queries": [curve.query.promql() for curve in panel.curves],
    }  # fmt: skip


def _told(alert: Alert) -> dict[str, Any]:
    return {
        "rule": alert.rule.name, "severity": alert.rule.severity, "state": alert.state, "summary": alert.summary,
        "since": alert.active_at.timestamp(), "muted_by": list(alert.muted_by), "action": alert.rule.action,
    }  # fmt: skip
