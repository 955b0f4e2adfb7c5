"""Questions to the time series, built once: written as PromQL for Prometheus and Grafana, and answered here as they do.

Rates are extrapolated and quantiles interpolated by Prometheus' own rules (promql/functions.go, promql/quantile.go, of
version 3); the tests play the same series to `promtool` and compare value by value.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from lib.monitoring.samples import Labels, Points, Samples, labelled

Vector = dict[Labels, float]
"""A value for each combination of labels."""
# How closely PromQL's operators bind.
_OR, _AND, _COMPARE, _PLUS, _TIMES, _ALONE = range(6)
_WAYS: dict[str, Callable[[Sequence[float]], float]] = {"sum": math.fsum, "max": max, "min": min, "count": len}


class Query(Protocol):
    """One question; `parts` are the questions that it is made of."""

    @property
    def parts(self) -> tuple[Query, ...]: ...

    def promql(self) -> str:
        """As Prometheus is asked."""
        ...

    def at(self, samples: Samples, at_s: float) -> Vector:
        """The answer at an instant."""
        ...


@dataclass(frozen=True)
class Series:
    """The last value of each series of that name whose labels are as in `where`.

    A leading ~ makes a value a pattern, a leading ! (or !~) means all others.

    >>> Series("serving_requests_total", {"path": "/predict", "status": "~5.."}).promql()
    'serving_requests_total{path="/predict",status=~"5.."}'
    """

    name: str
    where: Mapping[str, str] = field(default_factory=dict)

    @property
    def parts(self) -> tuple[Query, ...]:
        return ()

    def promql(self) -> str:
        matchers = ",".join(f"{label}{_matcher(value)}" for label, value in self.where.items())
        return f"{self.name}{{{matchers}}}" if matchers else self.name

    def at(self, samples: Samples, at_s: float) -> Vector:
        found = samples.latest(self.name, at_s)
        return {labels: value for labels, value in found.items() if self.holds(labels)}

    def holds(self, labels: Labels) -> bool:
        """Whether a series with these labels is meant."""
        known = dict(labels)
        return all(_matches(value, known.get(label, "")) for label, value in self.where.items())


@dataclass(frozen=True)
class Rate:
    """How much a counter grows a second, on average over a window; a fall is taken for a restart from 0."""

    of: Series
    window_s: float

    @property
    def parts(self) -> tuple[Query, ...]:
        return (self.of,)

    def promql(self) -> str:
        return f"rate({self.of.promql()}[{duration(self.window_s)}])"

    def at(self, samples: Samples, at_s: float) -> Vector:
        windows = samples.window(self.of.name, after_s=at_s - self.window_s, until_s=at_s)
        return {
            labels: _grown(times, values, at_s - self.window_s, at_s) / self.window_s
            for labels, (times, values) in windows.items()
            if len(times) > 1 and self.of.holds(labels)
        }


@dataclass(frozen=True)
class Increase:
    """How much a counter grew over a window."""

    of: Series
    window_s: float

    @property
    def parts(self) -> tuple[Query, ...]:
        return (self.of,)

    def promql(self) -> str:
        return f"increase({self.of.promql()}[{duration(self.window_s)}])"

    def at(self, samples: Samples, at_s: float) -> Vector:
        rates = Rate(self.of, self.window_s).at(samples, at_s)
        return {labels: value * self.window_s for labels, value in rates.items()}


@dataclass(frozen=True)
class Together:
    """The sum, the greatest, the least or the number of the values, for each value of the labels `by`."""

    how: Literal["sum", "max", "min", "count"]
    of: Query
    by: tuple[str, ...] = ()

    @property
    def parts(self) -> tuple[Query, ...]:
        return (self.of,)

    def promql(self) -> str:
        by = f" by ({', '.join(self.by)}) " if self.by else ""
        return f"{self.how}{by}({self.of.promql()})"

    def at(self, samples: Samples, at_s: float) -> Vector:
        groups: dict[Labels, list[float]] = {}
        for labels, value in self.of.at(samples, at_s).items():
            groups.setdefault(_only(labels, self.by), []).append(value)
        return {labels: _WAYS[self.how](values) for labels, values in groups.items()}


@dataclass(frozen=True)
class Quantile:
    """The value that the share `q` of a histogram's observations in a window lies below, for each value of `by`."""

    q: float
    of: Series
    window_s: float
    by: tuple[str, ...] = ()

    @property
    def parts(self) -> tuple[Query, ...]:
        return (self._buckets,)

    @property
    def _buckets(self) -> Together:
        buckets = Series(f"{self.of.name}_bucket", self.of.where)
        return Together("sum", Rate(buckets, self.window_s), by=("le", *self.by))

    def promql(self) -> str:
        return f"histogram_quantile({self.q:g}, {self._buckets.promql()})"

    def at(self, samples: Samples, at_s: float) -> Vector:
        groups: dict[Labels, list[tuple[float, float]]] = {}
        for labels, value in self._buckets.at(samples, at_s).items():
            groups.setdefault(_only(labels, self.by), []).append((float(dict(labels)["le"]), value))
        return {labels: _quantile(self.q, sorted(buckets)) for labels, buckets in groups.items()}


@dataclass(frozen=True)
class Ratio:
    """One value divided by another with the same labels."""

    top: Query
    bottom: Query

    @property
    def parts(self) -> tuple[Query, ...]:
        return (self.top, self.bottom)

    def promql(self) -> str:
        return f"{_operand(self.top, _TIMES)} / {_operand(self.bottom, _TIMES + 1)}"

    def at(self, samples: Samples, at_s: float) -> Vector:
        bottom = self.bottom.at(samples, at_s)
        top = self.top.at(samples, at_s)
        return {labels: _divided(value, bottom[labels]) for labels, value in top.items() if labels in bottom}


@dataclass(frozen=True)
class Scaled:
    """`offset` + `factor` × the value."""

    of: Query
    factor: float
    offset: float = 0.0

    @property
    def parts(self) -> tuple[Query, ...]:
        return (self.of,)

    def promql(self) -> str:
        factor = abs(self.factor) if self.offset else self.factor
        product = (
            _operand(self.of, _TIMES + 1) if factor == 1 else f"{_number(factor)} * {_operand(self.of, _TIMES + 1)}"
        )
        return f"{_number(self.offset)} {'-' if self.factor < 0 else '+'} {product}" if self.offset else product

    def at(self, samples: Samples, at_s: float) -> Vector:
        return {labels: self.offset + self.factor * value for labels, value in self.of.at(samples, at_s).items()}


@dataclass(frozen=True)
class OrZero:
    """A value without labels, 0 where there is none: no series is counted before the first event of its kind."""

    of: Query

    @property
    def parts(self) -> tuple[Query, ...]:
        return (self.of,)

    def promql(self) -> str:
        return f"{_operand(self.of, _OR)} or vector(0)"

    def at(self, samples: Samples, at_s: float) -> Vector:
        return {(): 0.0, **self.of.at(samples, at_s)}


@dataclass(frozen=True)
class Age:
    """The seconds since the instant that a series tells."""

    of: Series

    @property
    def parts(self) -> tuple[Query, ...]:
        return (self.of,)

    def promql(self) -> str:
        return f"time() - {self.of.promql()}"

    def at(self, samples: Samples, at_s: float) -> Vector:
        return {labels: at_s - value for labels, value in self.of.at(samples, at_s).items()}


@dataclass(frozen=True)
class Absent:
    """1 where there is no such series."""

    of: Series

    @property
    def parts(self) -> tuple[Query, ...]:
        return (self.of,)

    def promql(self) -> str:
        return f"absent({self.of.promql()})"

    def at(self, samples: Samples, at_s: float) -> Vector:
        if self.of.at(samples, at_s):
            return {}
        return {labelled({name: value for name, value in self.of.where.items() if value[:1] not in ("~", "!")}): 1.0}


@dataclass(frozen=True)
class Over:
    """The values above `limit`."""

    of: Query
    limit: float

    @property
    def parts(self) -> tuple[Query, ...]:
        return (self.of,)

    def promql(self) -> str:
        return f"{_operand(self.of, _COMPARE)} > {_number(self.limit)}"

    def at(self, samples: Samples, at_s: float) -> Vector:
        return {labels: value for labels, value in self.of.at(samples, at_s).items() if value > self.limit}


@dataclass(frozen=True)
class Under:
    """The values below `limit`."""

    of: Query
    limit: float

    @property
    def parts(self) -> tuple[Query, ...]:
        return (self.of,)

    def promql(self) -> str:
        return f"{_operand(self.of, _COMPARE)} < {_number(self.limit)}"

    def at(self, samples: Samples, at_s: float) -> Vector:
        return {labels: value for labels, value in self.of.at(samples, at_s).items() if value < self.limit}


@dataclass(frozen=True)
class Both:
    """The values of `first` for which `second` has one with the same labels `on`."""

    first: Query
    second: Query
    on: tuple[str, ...] = ()

    @property
    def parts(self) -> tuple[Query, ...]:
        return (self.first, self.second)

    def promql(self) -> str:
        on = ", ".join(self.on)
        return f"{_operand(self.first, _AND)} and on ({on}) {_operand(self.second, _AND + 1)}"

    def at(self, samples: Samples, at_s: float) -> Vector:
        held = {_only(labels, self.on) for labels in self.second.at(samples, at_s)}
        first = self.first.at(samples, at_s)
        return {labels: value for labels, value in first.items() if _only(labels, self.on) in held}


def series_names(query: Query) -> Iterator[str]:
    """The names of all series that a question reads."""
    if isinstance(query, Series):
        yield query.name
    for part in query.parts:
        yield from series_names(part)


def duration(seconds: float) -> str:
    """Seconds as Prometheus writes them.

    >>> duration(90), duration(3 * 24 * 3600), duration(0.5)
    ('1m30s', '3d', '500ms')
    """
    left, text = round(seconds * 1000), ""
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)):
        count, left = divmod(left, size)
        text += f"{count}{unit}" if count else ""
    return text or "0s"


def _matcher(value: str) -> str:
    sign = "!" if value.startswith("!") else ""
    text = value.removeprefix("!")
    return f'{sign}=~"{text[1:]}"'.replace("!=~", "!~") if text.startswith("~") else f'{sign}="{text}"'


def _matches(value: str, known: str) -> bool:
    text = value.removeprefix("!")
    found = re.fullmatch(text[1:], known) is not None if text.startswith("~") else known == text
    return found != value.startswith("!")


def _operand(query: Query, least: int) -> str:
    """In brackets unless it binds at least that closely."""
    text = query.promql()
    return text if _binding(query) >= least else f"({text})"


def _binding(query: Query) -> int:
    if isinstance(query, (Both, OrZero)):
        return _AND if isinstance(query, Both) else _OR
    if isinstance(query, (Over, Under)):
        return _COMPARE
    if isinstance(query, (Age, Scaled)) and not (isinstance(query, Scaled) and not query.offset):
        return _PLUS
    return _TIMES if isinstance(query, (Ratio, Scaled)) else _ALONE


def _number(value: float) -> str:
    return f"{value:.10g}"


def _only(labels: Labels, names: Sequence[str]) -> Labels:
    return tuple((name, value) for name, value in labels if name in names)


def _divided(top: float, bottom: float) -> float:
    if bottom:
        return top / bottom
    return math.copysign(math.inf, top) if top else math.nan


def _grown(times: Points, values: Points, start_s: float, end_s: float) -> float:
    """The growth of a counter over a window, carried on to its edges where the samples come near them."""
    first_s, last_s, first = float(times[0]), float(times[-1]), float(values[0])
    before = values[:-1]
    grown = float(values[-1]) - first + float(before[values[1:] < before].sum())
    sampled_s = last_s - first_s
    apart_s = sampled_s / (len(times) - 1)
    before_s, after_s = first_s - start_s, end_s - last_s
    # Far from the edge, the series rather began or ended somewhere between.
    before_s = before_s if before_s < 1.1 * apart_s else apart_s / 2
    after_s = after_s if after_s < 1.1 * apart_s else apart_s / 2
    if grown > 0 and first >= 0:
        # A counter was never below 0.
        before_s = min(before_s, sampled_s * first / grown)
    return grown * (sampled_s + before_s + after_s) / sampled_s


def _quantile(q: float, buckets: Sequence[tuple[float, float]]) -> float:
    """Of cumulative buckets in order, the last up to +Inf; straight within a bucket, the first from 0."""
    total = buckets[-1][1]
    if buckets[-1][0] != math.inf or len(buckets) < 2 or not total > 0:
        return math.nan
    rank = q * total
    place = next(number for number, (_, count) in enumerate(buckets) if count >= rank)
    if place == len(buckets) - 1:
        return buckets[-2][0]
    upper, count = buckets[place]
    lower, below = buckets[place - 1] if place else (0.0, 0.0)
    return lower + (upper - lower) * (rank - below) / (count - below)
