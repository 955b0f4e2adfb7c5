"""What the tests of monitoring stand on: made-up series, and Prometheus' own engine as the judge of ours."""

from __future__ import annotations

import contextlib
import math
import random
import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from lib.monitoring.query import Query, Vector, duration
from lib.monitoring.samples import Samples, labelled
from tests.lib.serving_tools import answers, free_port, process, wait
from tests.require import executable

Value = float | None | str
"""A number, None for a missing sample, or "stale" for the end of the series."""


@dataclass(frozen=True)
class Line:
    """A series with a value every `step_s` seconds from 0."""

    name: str
    labels: Mapping[str, str]
    values: Sequence[Value]

    @property
    def text(self) -> str:
        labels = ",".join(f'{name}="{value}"' for name, value in self.labels.items())
        return f"{self.name}{{{labels}}}"


def filled(lines: Iterable[Line], step_s: float, *, until_s: float) -> Samples:
    """The series as far as they are known at an instant."""
    samples = Samples(keep_s=1e9)
    feed(samples, lines, step_s, after_s=-step_s, until_s=until_s)
    return samples


def feed(samples: Samples, lines: Iterable[Line], step_s: float, *, after_s: float, until_s: float) -> None:
    """Go on from one instant to another."""
    for line in lines:
        key = labelled(line.labels)
        for number in range(math.floor(after_s / step_s) + 1, math.floor(until_s / step_s) + 1):
            value = line.values[number] if number < len(line.values) else None
            if value == "stale":
                samples.end(number * step_s, line.name, key)
            elif value is not None:
                samples.add(number * step_s, line.name, key, float(value))


def off_the_edges(values: Sequence[Value], step_s: int, *, every_s: int) -> list[Value]:
    """Without those at whole multiples of `every_s`: Prometheus 3 no longer counts a sample at a window's very start.

    Debian's Prometheus 2 still does; where no sample lies there, both answer alike.
    """
    return [None if number * step_s % every_s == 0 else value for number, value in enumerate(values)]


def counter(dice: random.Random, count: int, *, step: float, gaps: float = 0.05, restarts: float = 0.01) -> list[Value]:
    """A counter that misses samples now and then, and falls back to where it began.

    That is far above 0: how a series that begins near 0 inside a window is carried on to the window's start, Prometheus
    3 knows better than Debian's 2 does.
    """
    values: list[Value] = []
    start = total = 1_000 * step
    for _ in range(count):
        total = start if dice.random() < restarts else total + dice.randint(0, 4) * step
        values.append(None if dice.random() < gaps else total)
    return values


def promtool() -> str:
    return executable("promtool", way_out="apt-get install prometheus")


def asked_of_prometheus(
    lines: Sequence[Line], step_s: int, queries: Sequence[Query], times_s: Sequence[int], folder: Path
) -> dict[tuple[str, int], Vector]:
    """What Prometheus' engine answers, by PromQL and time; promtool tells it when nothing is expected."""
    cases = [
        {"expr": query.promql(), "eval_time": duration(at_s), "exp_samples": []}
        for query in queries
        for at_s in times_s
    ]
    # promtool has read the series only as far as the last evaluation of rules before an instant.
    done = played(lines, step_s, folder, every_s=math.gcd(*times_s), promql_expr_test=cases)
    found: dict[tuple[str, int], Vector] = {(query.promql(), at_s): {} for query in queries for at_s in times_s}
    times = {duration(at_s): at_s for at_s in times_s}
    for expr, at, answer in re.findall(r'expr: "(.*)", time: (\S+),\n\s+exp: nil\n\s+got: (.*)', done.stderr):
        found[expr.replace('\\"', '"'), times[at]].update(_samples(answer))
    return found


def _samples(text: str) -> Vector:
    found = {}
    for labels, value in re.findall(r"\{(.*?)\} ([^ ,]+)", text):
        pairs = re.findall(r'(\w+)="([^"]*)"', labels)
        found[tuple(sorted((name, each) for name, each in pairs if name != "__name__"))] = float(value)
    return found


def played(
    lines: Sequence[Line],
    step_s: int,
    folder: Path,
    *,
    rules: Mapping[str, Any] | None = None,
    every_s: int = 60,
    **cases: Any,
) -> subprocess.CompletedProcess[str]:
    """Play the series to promtool with cases of its own form."""  # fmt: skip
    texts = {None: "_", "stale": "stale"}
    series = [
        {"series": line.text, "values": " ".join(texts.get(value) or repr(value) for value in line.values)}
        for line in lines
    ]
    document: dict[str, Any] = {
        "evaluation_interval": f"{every_s}s",
        "tests": [{"interval": f"{step_s}s", "input_series": series, **cases}],
    }
    if rules is not None:
        (folder / "rules.yaml").write_text(yaml.safe_dump(dict(rules)))
        document["rule_files"] = ["rules.yaml"]
    (folder / "cases.yaml").write_text(yaml.safe_dump(document))
    return subprocess.run(
        [promtool(), "test", "rules", folder / "cases.yaml"], capture_output=True, text=True, check=False
    )


@contextlib.contextmanager
def program(name: str, words: Sequence[str], folder: Path) -> Iterator[str]:
    """Prometheus or Alertmanager as Debian has them, ready on a free port; its address."""
    path = executable(name, f"prometheus-{name}", way_out=f"apt-get install prometheus {name}")
    folder.mkdir(exist_ok=True)
    port = free_port()
    start = f"import os, sys; os.execv({path!r}, sys.argv)"
    with process(["-c", start, *words, f"--web.listen-address=127.0.0.1:{port}"], folder):
        url = f"http://127.0.0.1:{port}"
        wait(lambda: answers(f"{url}/-/ready"), 60)
        yield url


def prometheus(
    folder: Path, server: str, *, rules: Mapping[str, Any] | None = None, alertmanager: str | None = None
) -> contextlib.AbstractContextManager[str]:
    """A Prometheus that asks the server twice a second."""
    folder.mkdir(exist_ok=True)
    config: dict[str, Any] = {
        "global": {"scrape_interval": "500ms", "evaluation_interval": "500ms"},
        "scrape_configs": [
            {"job_name": "server", "static_configs": [{"targets": [server.removeprefix("http://")]}]},
        ],
    }
    if rules is not None:
        (folder / "rules.yaml").write_text(yaml.safe_dump(dict(rules)))
        config["rule_files"] = ["rules.yaml"]
    if alertmanager is not None:
        targets = [{"targets": [alertmanager.removeprefix("http://")]}]
        config["alerting"] = {"alertmanagers": [{"static_configs": targets}]}
    (folder / "prometheus.yaml").write_text(yaml.safe_dump(config))
    words = [f"--config.file={folder / 'prometheus.yaml'}", f"--storage.tsdb.path={folder / 'data'}"]
    return program("prometheus", words, folder)
