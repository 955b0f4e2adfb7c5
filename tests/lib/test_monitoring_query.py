"""Questions to the series are answered as Prometheus' own engine answers them, gaps, restarts and ends included."""

from __future__ import annotations

import itertools
import math
import random

import pytest

from lib.monitoring.query import (
    Absent,
    Age,
    Both,
    Increase,
    OrZero,
    Over,
    Quantile,
    Rate,
    Ratio,
    Scaled,
    Series,
    Together,
    Under,
    series_names,
)  # fmt: skip
from lib.monitoring.samples import Reading, Samples
from tests.lib.monitoring_tools import Line, asked_of_prometheus, counter, filled, off_the_edges

STEP_S, EDGE_S = 7, 30
COUNT = 260
BOUNDS = ("0.1", "0.5", "2.0", "+Inf")
TOTAL, ERRORS, DEPTH = Series("total"), Series("total", {"status": "~5.."}), Series("depth")
ONE_PATH = Series("total", {"path": "a", "status": "200"})
QUERIES = (
    TOTAL, ERRORS, DEPTH, Series("total", {"status": "~.*0", "path": "b"}), Series("nothing"),
    Rate(TOTAL, 300), Rate(TOTAL, 30), Rate(ERRORS, 60), Increase(TOTAL, 120),
    Increase(Series("total", {"path": "b"}), 900),
    Together("sum", Rate(TOTAL, 300)), Together("sum", Rate(TOTAL, 300), by=("status",)),
    Together("max", DEPTH, by=("job",)), Together("min", DEPTH), Together("count", TOTAL),
    Together("count", TOTAL, by=("path",)),
    Quantile(0.5, Series("seconds"), 300), Quantile(0.99, Series("seconds"), 300, by=("path",)),
    Quantile(0.9, Series("seconds", {"path": "a"}), 60), Quantile(0.01, Series("seconds"), 900),
    Ratio(Together("sum", Rate(ERRORS, 120)), Together("sum", Rate(TOTAL, 120))),
    Ratio(Rate(TOTAL, 120), Rate(TOTAL, 300)), Ratio(DEPTH, Scaled(DEPTH, 0)),
    Ratio(Scaled(DEPTH, 3, 2), Ratio(DEPTH, Scaled(DEPTH, 2))),
    Scaled(DEPTH, -1, 1), Scaled(Ratio(ONE_PATH, Together("sum", TOTAL)), 100), Scaled(Scaled(DEPTH, 2, 1), -3, 1),
    OrZero(Together("sum", Rate(Series("nothing"), 300))), OrZero(Together("sum", DEPTH)),
    Ratio(OrZero(Together("sum", Rate(ERRORS, 60))), Together("sum", Rate(TOTAL, 60))),
    Age(Series("depth", {"job": "server"})), Over(Age(DEPTH), 500), Scaled(Age(DEPTH), 2),
    Absent(Series("nothing", {"job": "server", "path": "~a.*"})), Absent(TOTAL), Absent(Series("brief")),
    Series("brief"), Over(DEPTH, 5), Under(DEPTH, 5), Over(Rate(TOTAL, 300), 0.3), Under(Scaled(DEPTH, -1, 1), -3),
    Both(Over(DEPTH, 2), Under(DEPTH, 8), on=("job",)), Both(TOTAL, Over(DEPTH, 6), on=("path",)),
    Both(Both(DEPTH, Over(DEPTH, 1)), Over(Series("nothing"), 0)), Both(DEPTH, Both(TOTAL, DEPTH), on=("job",)),
    Both(Over(OrZero(Together("sum", DEPTH)), 3), OrZero(Series("nothing"))),
)  # fmt: skip
PATHS = list(itertools.product("ab", ("200", "404", "503")))
STEPS, GAPS = (5, 1, 0.25, 7, 0.5, 1), (0, 0.1, 0.3, 0, 0.8, 0.02)


def _lines(seed: int) -> list[Line]:
    dice = random.Random(seed)
    total = [
        Line("total", {"job": "server", "path": path, "status": status}, counter(dice, COUNT, step=step, gaps=gaps))
        for (path, status), step, gaps in zip(PATHS, STEPS, GAPS, strict=True)
    ]
    depth = [
        Line("depth", {"job": job, "path": "a"}, [dice.choice([None, dice.randint(0, 9)]) for _ in range(COUNT)])
        for job in ("server", "monitor")
    ]
    seconds = []
    for path in "ab":
        counts = [counter(dice, COUNT, step=2, gaps=0, restarts=0) for _ in BOUNDS]
        heaps = [list(itertools.accumulate(column)) for column in zip(*counts, strict=True)]
        seconds += [
            Line("seconds_bucket", {"path": path, "le": bound}, [heap[place] for heap in heaps])
            for place, bound in enumerate(BOUNDS)
        ]
    brief = Line("brief", {"job": "server"}, [1.0] * 40 + ["stale"] + [None] * 60 + [2.0] * 30)
    return [
        Line(line.name, line.labels, off_the_edges(line.values, STEP_S, every_s=EDGE_S))
        for line in [*total, *depth, *seconds, brief]
    ]


@pytest.mark.parametrize("seed", [1, 2])
def test_every_question_is_answered_as_prometheus_does(seed, tmp_path):
    """Nearly fifty questions at fourteen moments, to the last digits; promtool is the judge."""
    lines = _lines(seed)
    times = [30, 60, 270, 300, 330, 570, 600, 750, 900, 1020, 1200, 1500, 1800, 2190]
    expected = asked_of_prometheus(lines, STEP_S, QUERIES, times, tmp_path)
    answers = 0
    for at_s in times:
        samples = filled(lines, STEP_S, until_s=at_s)
        for query in QUERIES:
            found = query.at(samples, at_s)
            assert found == pytest.approx(expected[query.promql(), at_s], rel=1e-12, nan_ok=True), (
                query.promql(),
                at_s,
            )
            answers += len(found)
    assert answers > 800


def test_a_series_that_a_target_no_longer_tells_has_ended():
    """At once, not five minutes later; so has everything when the target does not answer, but `up` is 0."""
    samples = Samples()
    both = [Reading("rows", {"kind": kind}, 1.0) for kind in ("late", "orphan")]
    samples.scrape(0.0, both, job="server")
    samples.scrape(15.0, both[:1], job="server")
    assert len(samples.latest("rows", 14.0)) == 2
    assert list(samples.latest("rows", 15.0)) == [(("job", "server"), ("kind", "late"))]
    samples.miss(30.0, job="server")
    assert samples.latest("rows", 30.0) == {}
    assert samples.latest("up", 30.0) == {(("job", "server"),): 0.0}
    samples.scrape(45.0, both, job="server")
    assert len(samples.latest("rows", 45.0)) == 2


def test_only_what_is_asked_for_is_kept_and_not_for_ever():
    """Series of other names are dropped, and so are samples beyond `keep_s`, without changing what is answered."""
    names = set(series_names(Ratio(Quantile(0.5, Series("seconds"), 60), Rate(TOTAL, 60))))
    assert names == {"seconds_bucket", "total"}
    short, long = Samples(keep_s=120, names=names), Samples()
    for second in range(0, 3_000, 10):
        told = [Reading("total", {}, second / 2), Reading("other", {}, 1.0)]
        for samples in (short, long):
            samples.scrape(float(second), told, job="server")
        assert Rate(TOTAL, 60).at(short, second) == Rate(TOTAL, 60).at(long, second)
    assert short.latest("other", 2_990.0) == {}
    ((times, _),) = short.window("total", after_s=-math.inf, until_s=math.inf).values()
    assert len(times) < 30
