"""The drift check of a large table beside Evidently's preset, and how its cost grows; run alone, it prints."""

from __future__ import annotations

import json
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

ROWS = 1_000_000
FEWER = 100_000
NUMERIC, WHOLE, TEXT = 10, 4, 6
PAIRS = 2  # the peer takes more than a minute
ROUNDS = 5


def main() -> list[dict[str, Any]]:
    """A check of a million rows of 20 columns against a million rows of reference, in s, from table to verdict.

    Ours makes everything anew in each round, the reference too, which it would keep in operation: KS, PSI, χ² and
    Wasserstein of each column, and the domain classifier on all together. The peer's preset chooses one statistic a
    column, and draws its report, which it does not do without. The second row compares our seconds a million rows at
    two sizes: 1 is linear, and 0.83 would be n · log n.
    """
    from threadpoolctl import threadpool_limits

    reference, window = _table(ROWS, 0), _table(ROWS, 1)
    small, small_window = reference.head(FEWER), window.head(FEWER)
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the peer's own, when it is imported
        assert len(_ours(small, small_window)) == NUMERIC + WHOLE + TEXT
        assert len(_peer(small, small_window)) == NUMERIC + WHOLE + TEXT
        pairs = [
            (_seconds(lambda: _ours(reference, window)), _seconds(lambda: _peer(reference, window)))
            for _ in range(PAIRS)
        ]
        sizes = [
            (_seconds(lambda: _ours(reference, window)) / ROWS, _seconds(lambda: _ours(small, small_window)) / FEWER)
            for _ in range(ROUNDS)
        ]
    growth = [(ours * 1e6, peer * 1e6) for ours, peer in sizes]
    return [
        _row("drift check, 1 M × 20 rows", pairs, peer_name="Evidently, DataDriftPreset", unit="s", bar=10),
        _row("drift check, s a million rows", growth, peer_name="ours, of 100,000 rows", unit="s", bar=0.7),
    ]


def _ours(reference: Any, window: Any) -> list[float]:
    from lib.monitoring.compare import Reference
    from lib.monitoring.table import watched_columns

    columns = watched_columns(reference, list(reference.columns))
    prepared, compared = Reference(columns.encode(reference), columns), columns.encode(window)
    prepared.domain.auc(compared)
    return [each.p_value for each in prepared.compare(compared)]


def _peer(reference: Any, window: Any) -> list[float]:
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    text = [name for name in reference.columns if name.startswith("text")]
    numbers = [name for name in reference.columns if name not in text]
    definition = DataDefinition(numerical_columns=numbers, categorical_columns=text)
    current, before = (Dataset.from_pandas(side, data_definition=definition) for side in (window, reference))
    metrics = Report([DataDriftPreset()]).run(current, before).dict()["metrics"]
    return [float(each["value"]) for each in metrics if "column" in each["config"]]


def _table(rows: int, seed: int) -> Any:
    import numpy as np
    import pandas as pd

    random = np.random.default_rng(seed)
    columns: dict[str, Any] = {}
    for number in range(NUMERIC):
        columns[f"number_{number}"] = random.lognormal(size=rows) if number % 2 else random.normal(size=rows)
    for number in range(WHOLE):
        columns[f"whole_{number}"] = random.integers(0, 40, rows)
    for number in range(TEXT):
        words = np.array([f"word {word}" for word in range(3 + 3 * number)], dtype=object)
        columns[f"text_{number}"] = pd.Series(words[random.integers(0, len(words), rows)], dtype="str")
    return pd.DataFrame(columns)


def _seconds(call: Callable[[], Any]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def _row(name: str, pairs: list[tuple[float, float]], *, peer_name: str, unit: str, bar: float) -> dict[str, Any]:
    ratios = [peer / own for own, peer in pairs]
    return {
        "name": name,
        "ours": round(statistics.median(own for own, _ in pairs), 3),
        "peer": round(statistics.median(peer for _, peer in pairs), 3),
        "peer_name": peer_name,
        "unit": unit,
        "ratio": round(statistics.median(ratios), 2),
        "low": round(min(ratios), 2),
        "high": round(max(ratios), 2),
        "n": len(pairs),
        "bar": bar,
    }


if __name__ == "__main__":
    json.dump(main(), sys.stdout, indent=1)
