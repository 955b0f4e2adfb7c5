"""`python -m lib report` and `drift-table`: whether the inputs moved, and how well that is noticed."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from lib.errors import MonitoringError

REPORT_OUT = Path("out", "report")
TRIALS = Path("out", "drift-table", "trials.jsonl")
DRIFT_TABLE = Path("assets", "drift_table.json")


def add_drift(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Two tables held against each other, and the detectors against the truth."""
    report = commands.add_parser("report", help="Evidently's drift report of two tables, or of a simulated market")
    report.set_defaults(run=_report)
    report.add_argument("--reference", type=Path, metavar="FILE", help="CSV or Parquet of houses; with --window")
    report.add_argument("--window", type=Path, metavar="FILE", help="CSV or Parquet of houses to hold against it")
    report.add_argument("--story", default="slide", help="without files: a scenario of lib.market")
    report.add_argument("--out", type=Path, default=REPORT_OUT, help=f"for drift.html and drift.json ({REPORT_OUT})")
    report.add_argument("--no-open", action="store_true", help="do not open a browser")
    table = commands.add_parser(
        "drift-table", help="score the drift detectors over 200 seeded runs; goes on where it was"
    )
    table.set_defaults(run=_drift_table)
    table.add_argument("--trials", type=Path, default=TRIALS, help=f"what is done is kept here ({TRIALS})")
    table.add_argument(
        "--out", type=Path, default=DRIFT_TABLE, help=f"the table; its picture lies beside ({DRIFT_TABLE})"
    )


def _report(options: argparse.Namespace) -> int:
    import webbrowser

    from lib.market import HOUSES, load_table, simulate
    from lib.monitoring.reports import write_report
    from lib.monitoring.table import watched_columns
    from lib.monitoring.trial import WATCHED

    if (options.reference is None) != (options.window is None):
        raise MonitoringError("one table alone cannot drift. Give both --reference and --window, or neither.")
    if options.reference is None:
        houses = simulate(options.story).houses
        reference, window = houses[: len(houses) // 2], houses[-400:]
        _say(f"no tables given: the story “{options.story}”, its first year against its last 400 listings")
    else:
        reference, window = load_table(options.reference, HOUSES), load_table(options.window, HOUSES)
    report = write_report(reference, window, watched_columns(reference, WATCHED, schema=HOUSES), options.out)
    for line in report.lines():
        _say(line)
    page = (options.out / "drift.html").resolve()
    _say(f"{page} is the page, {options.out / 'drift.json'} the numbers")
    screen = sys.platform == "darwin" or "DISPLAY" in os.environ or "WAYLAND_DISPLAY" in os.environ
    if screen and not options.no_open:
        webbrowser.open(page.as_uri())
    return 0


def _drift_table(options: argparse.Namespace) -> int:
    from lib.monitoring.drift_picture import draw_drift_table, lines
    from lib.monitoring.drift_table import make_table, run_trials
    from lib.tracking.plots import save

    table = make_table(run_trials(options.trials, say=_say))
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(table.model_dump_json(indent=1) + "\n", "utf-8")
    save(draw_drift_table(table), options.out.with_suffix(".png"))
    for line in lines(table):
        _say(line)
    return int(not all(bar.met for bar in table.bars))


def _say(text: str) -> None:
    print(text, flush=True)
