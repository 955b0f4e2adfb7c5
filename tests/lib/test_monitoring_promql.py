"""PromQL is read back into the very questions that it was written from, and what is not understood is said."""

from __future__ import annotations

import pytest

from lib.errors import MonitoringError
from lib.monitoring.panels import BOARDS
from lib.monitoring.promql import answers, read_promql
from lib.monitoring.query import Ratio, Series
from tests.lib.test_monitoring_query import QUERIES

WRITTEN = [curve.query.promql() for board in BOARDS for panel in board.panels for curve in panel.curves]
UNKNOWN = ("absent(", " and on ", "time() - ")
WRITTEN += [text for text in (query.promql() for query in QUERIES) if not any(word in text for word in UNKNOWN)]


@pytest.mark.parametrize("text", sorted(set(WRITTEN)))
def test_what_we_write_is_read_back(text: str) -> None:
    """Every panel's question, and those that Prometheus itself has answered in a test, say the same when read."""
    assert read_promql(text).promql() == text


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("sum(rate(a_total[1m30s])) by (b)", "sum by (b) (rate(a_total[1m30s]))"),
        (" sum  by(b , c)(a{ d = 'e', }) ", 'sum by (b, c) (a{d="e"})'),
        ('a{b!="c",d!~"5..|6.."}', 'a{b!="c",d!~"5..|6.."}'),
        ("100 * a / 4", "25 * a"),
        ("(a or vector(0)) / b", "(a or vector(0)) / b"),
        ("a - b * c", "(a) - ((b) * (c))"),
        ("time() - a", "time() - a"),
    ],
)
def test_people_write_it_otherwise(written: str, meant: str) -> None:
    """Blanks, order of clauses and kinds of quotes do not matter."""
    assert read_promql(read_promql(written).promql()).at is not None
    assert read_promql(written).promql() == meant


@pytest.mark.parametrize(
    ("text", "here"),
    [
        ("sum(rate(a_total))", "')"),
        ("a b", "'b'"),
        ("avg(a)", "'avg"),
        ("rate(a[5])", "'5"),
        ("a{b}", "'}'"),
        ("a{b=c}", "'c}'"),
        ("a > b", "follows >"),
        ("", "ends too early"),
        ("a $ b", "' $ b'"),
        ("histogram_quantile(0.9, a)", "quantile of something else"),
    ],
)
def test_what_is_not_understood_is_said(text: str, here: str) -> None:
    """The message names the place and why."""
    with pytest.raises(MonitoringError, match="is not understood") as raised:
        read_promql(text)
    assert here in str(raised.value)


def test_others_are_all_but_these() -> None:
    """A ! turns a matcher round, a missing label included."""
    series = [
        {"name": "a", "labels": labels, "times": [0.0], "values": [value]}
        for labels, value in (({"b": "c"}, 1.0), ({"b": "dd"}, 2.0), ({}, 4.0))
    ]
    for text, total in (('sum(a{b!="c"})', 6.0), ('sum(a{b!~"d+"})', 5.0), ('sum(a{b!~"c|d+"})', 4.0)):
        found = answers(text, series, [1.0])
        assert found == {"fault": None, "answers": [[{"labels": {}, "value": total}]]}
    assert Series("a", {"b": "!c"}).promql() == 'a{b!="c"}'


def test_no_data_is_not_zero() -> None:
    """A question about series that are not there has no answer, unless it says what then."""
    there = [{"name": "rows_total", "labels": {}, "times": [0.0, 60.0], "values": [0.0, 30.0]}]
    share = 'sum(rate(odd_total{kind="x"}[5m])) / sum(rate(rows_total[5m]))'
    assert answers(share, there, [60.0])["answers"] == [[]]
    filled = answers(f"({share}) or vector(0)", there, [60.0, 61.0])["answers"]
    assert [each[0]["value"] for each in filled] == [0.0, 0.0]
    assert isinstance(read_promql(share), Ratio)
    assert "ends too early" in answers("sum(", there, [60.0])["fault"]
