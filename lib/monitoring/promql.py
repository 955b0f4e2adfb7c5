"""PromQL as people write it, read into the questions that are answered here: the part of it that dashboards use."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NoReturn, cast

from lib.errors import MonitoringError
from lib.monitoring.query import (
    Age,
    Increase,
    OrZero,
    Over,
    Quantile,
    Query,
    Rate,
    Ratio,
    Scaled,
    Series,
    Together,
    Under,
)
from lib.monitoring.query import Vector as Answer
from lib.monitoring.samples import Samples, labelled

_TOKEN = re.compile(
    r"""\s*(?:(?P<number>\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+)(?![\w.])|(?P<duration>(?:\d+(?:ms|[smhdw]))+)(?!\w)
    |(?P<word>[a-zA-Z_:][\w:]*)|(?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    |(?P<sign>=~|!~|!=|>=|<=|==|[-+*/(){}\[\],=<>%^]))""",
    re.VERBOSE,
)
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}
_MATCHERS = {"=": "", "=~": "~", "!=": "!", "!~": "!~"}
_WAYS = ("sum", "max", "min", "count")


@dataclass(frozen=True)
class Number:
    """A number; standing alone, a value without labels."""

    value: float

    @property
    def parts(self) -> tuple[Query, ...]:
        return ()

    def promql(self) -> str:
        return f"vector({self.value:.10g})"

    def at(self, samples: Samples, at_s: float) -> Answer:
        del samples, at_s
        return {(): self.value}


@dataclass(frozen=True)
class Combined:
    """Two values with the same labels, added, subtracted or multiplied."""

    sign: Literal["+", "-", "*"]
    first: Query
    second: Query

    @property
    def parts(self) -> tuple[Query, ...]:
        return (self.first, self.second)

    def promql(self) -> str:
        return f"({self.first.promql()}) {self.sign} ({self.second.promql()})"

    def at(self, samples: Samples, at_s: float) -> Answer:
        combine = {"+": operator.add, "-": operator.sub, "*": operator.mul}[self.sign]
        second = self.second.at(samples, at_s)
        first = self.first.at(samples, at_s)
        return {labels: combine(value, second[labels]) for labels, value in first.items() if labels in second}


@dataclass(frozen=True)
class Either:
    """The values of `first`, and those of `second` whose labels `first` has none for."""

    first: Query
    second: Query

    @property
    def parts(self) -> tuple[Query, ...]:
        return (self.first, self.second)

    def promql(self) -> str:
        return f"({self.first.promql()}) or ({self.second.promql()})"

    def at(self, samples: Samples, at_s: float) -> Answer:
        return {**self.second.at(samples, at_s), **self.first.at(samples, at_s)}


def read_promql(text: str) -> Query:
    """The question that `text` asks.

    Understood are selectors, rate, increase, histogram_quantile, sum, max, min and count with `by`, arithmetic, `>` and
    `<` with a number, `or`, vector and time() - series. Raises MonitoringError, which says where, for anything else.

    >>> read_promql('sum by (path) (rate(requests_total{status!="200"}[5m])) / 2').promql()
    '0.5 * sum by (path) (rate(requests_total{status!="200"}[5m]))'
    """
    return _Reader(text).whole()


def answers(text: str, series: Sequence[Mapping[str, Any]], at_s: Sequence[float]) -> dict[str, Any]:
    """What `text` answers at each instant about `series`, each with `name`, `labels`, `times` and `values`.

    Returns `{"fault": …, "answers": […]}`: for each instant a list of `{"labels": …, "value": …}`, or the reason why
    the text is no question.
    """
    try:
        query = read_promql(text)
    except MonitoringError as error:
        return {"fault": str(error), "answers": []}
    samples = Samples(keep_s=float("inf"))
    for each in series:
        for moment, value in zip(each["times"], each["values"], strict=True):
            samples.add(moment, each["name"], labelled(each["labels"]), value)
    found = [query.at(samples, moment) for moment in at_s]
    return {
        "fault": None,
        "answers": [[{"labels": dict(labels), "value": value} for labels, value in each.items()] for each in found],
    }


class _Reader:
    """Recursive descent over the tokens, by how closely the operators bind: or, comparison, + and -, * and /."""

    def __init__(self, text: str) -> None:
        self._text, self._at = text, 0
        self._tokens: list[tuple[str, str, int]] = []
        place, end = 0, len(text.rstrip())
        while place < end:
            found = _TOKEN.match(text, place)
            if found is None:
                self._refuse("cannot be read", place)
            kind = cast(str, found.lastgroup)
            self._tokens.append((kind, found[kind], found.start(kind)))
            place = found.end()

    def whole(self) -> Query:
        query = self._either()
        if self._at < len(self._tokens):
            self._refuse("is not expected here")
        return query

    def _either(self) -> Query:
        query = self._compared()
        while self._take("or"):
            other = self._compared()
            query = OrZero(query) if other == Number(0.0) else Either(query, other)
        return query

    def _compared(self) -> Query:
        query = self._sum()
        for sign, kind in ((">", Over), ("<", Under)):
            if self._take(sign):
                limit = self._sum()
                if not isinstance(limit, Number):
                    self._refuse(f"follows {sign}, where a number is understood")
                return cast(Callable[[Query, float], Query], kind)(query, limit.value)
        return query

    def _sum(self) -> Query:
        query = self._product()
        while sign := self._take("+", "-"):
            query = _arithmetic(sign, query, self._product())
        return query

    def _product(self) -> Query:
        query = self._single()
        while sign := self._take("*", "/"):
            query = _arithmetic(sign, query, self._single())
        return query

    def _single(self) -> Query:
        kind, text, _ = self._next()
        if text == "(":
            query = self._either()
            self._want(")")
            return query
        if text == "-":
            return _arithmetic("*", Number(-1.0), self._single())
        if kind == "number":
            return Number(float(text))
        if kind != "word":
            self._refuse("is not expected here", back=1)
        if self._peek() != "(" and text not in _WAYS:
            return self._series(text)
        return self._called(text)

    def _called(self, name: str) -> Query:
        if name in _WAYS:
            by = self._by()
            self._want("(")
            inner = self._either()
            self._want(")")
            return Together(cast(Literal["sum", "max", "min", "count"], name), inner, by=by or self._by() or ())
        if name not in ("rate", "increase", "histogram_quantile", "vector", "time"):
            self._refuse("is no function that is understood here", back=1)
        self._want("(")
        query = self._arguments(name)
        self._want(")")
        if name == "time":
            self._want("-")
            _, series, _ = self._next()
            query = Age(self._series(series))
        return query

    def _arguments(self, name: str) -> Query:
        if name == "time":
            return Number(0.0)
        if name in ("rate", "increase"):
            _, series, _ = self._next()
            found = self._series(series)
            return (Rate if name == "rate" else Increase)(found, self._window())
        _, number, _ = self._next()
        if not re.fullmatch(r"[\d.]+", number):
            self._refuse("stands where a number is wanted", back=1)
        if name == "vector":
            return Number(float(number))
        self._want(",")
        return self._quantile(float(number), self._either())

    def _quantile(self, q: float, of: Query) -> Query:
        bucket = of.of if isinstance(of, Together) and of.how == "sum" and "le" in of.by else None
        if not isinstance(bucket, Rate) or not bucket.of.name.endswith("_bucket"):
            self._refuse("ends a quantile of something else than `sum by (le) (rate(…_bucket[…]))`", back=1)
        series = Series(bucket.of.name.removesuffix("_bucket"), bucket.of.where)
        return Quantile(q, series, bucket.window_s, by=tuple(name for name in cast(Together, of).by if name != "le"))

    def _series(self, name: str) -> Series:
        where: dict[str, str] = {}
        if self._take("{"):
            while not self._take("}"):
                _, label, _ = self._next()
                how = self._take(*_MATCHERS)
                kind, value, _ = self._next()
                if not how or kind != "text" or label in where:
                    self._refuse('stands where a matcher such as status="200" is wanted, one a label', back=1)
                where[label] = _MATCHERS[how] + re.sub(r"\\(.)", r"\1", value[1:-1])
                if self._peek() != "}":
                    self._want(",")
        return Series(name, where)

    def _window(self) -> float:
        self._want("[")
        kind, text, _ = self._next()
        if kind != "duration":
            self._refuse("stands where a window such as 5m is wanted", back=1)
        self._want("]")
        return sum(float(count) * _SECONDS[unit] for count, unit in re.findall(r"(\d+)(ms|[smhdw])", text))

    def _by(self) -> tuple[str, ...]:
        if not self._take("by"):
            return ()
        self._want("(")
        names = []
        while not self._take(")"):
            names.append(self._next()[1])
            if self._peek() != ")":
                self._want(",")
        return tuple(names)

    def _peek(self) -> str:
        return self._tokens[self._at][1] if self._at < len(self._tokens) else ""

    def _take(self, *wanted: str) -> str:
        if self._peek() not in wanted or self._at >= len(self._tokens):
            return ""
        return self._next()[1]

    def _next(self) -> tuple[str, str, int]:
        if self._at >= len(self._tokens):
            self._refuse("ends too early")
        self._at += 1
        return self._tokens[self._at - 1]

    def _want(self, sign: str) -> None:
        if not self._take(sign):
            self._refuse(f"stands where {sign} is wanted")

    def _refuse(self, why: str, place: int | None = None, *, back: int = 0) -> NoReturn:
        if place is None:
            at = self._at - back
            place = self._tokens[at][2] if at < len(self._tokens) else len(self._text)
        here = self._text[place : place + 20] or "the text"
        raise MonitoringError(f"{self._text!r} is not understood: {here!r} {why}. Mend it there.")


def _arithmetic(sign: str, first: Query, second: Query) -> Query:
    """The simplest question that says the same: numbers are worked out, and a number with a series scales it."""
    if isinstance(first, Number) and isinstance(second, Number):
        return Number(_worked_out(sign, first.value, second.value))
    if isinstance(second, Number) and sign == "/":
        return _scaled(first, _worked_out("/", 1.0, second.value), 0.0)
    if isinstance(second, Number):
        factor = second.value if sign == "*" else 1.0
        return _scaled(first, factor, {"+": second.value, "-": -second.value}.get(sign, 0.0))
    if isinstance(first, Number) and sign != "/":
        return _scaled(second, {"*": first.value, "+": 1.0, "-": -1.0}[sign], 0.0 if sign == "*" else first.value)
    if sign == "/":
        return Ratio(first, second)
    return Combined(cast(Literal["+", "-", "*"], sign), first, second)


def _scaled(of: Query, factor: float, offset: float) -> Query:
    inner = of if isinstance(of, Scaled) and not of.offset else Scaled(of, 1.0)
    return Scaled(inner.of, inner.factor * factor, offset)


def _worked_out(sign: str, first: float, second: float) -> float:
    if sign == "/":
        if second == 0:
            raise MonitoringError("a number is divided by 0. Divide by something else.")
        return first / second
    return float({"+": operator.add, "-": operator.sub, "*": operator.mul}[sign](first, second))
