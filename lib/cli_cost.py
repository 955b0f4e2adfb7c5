"""`python -m lib cost`: what the system's work costs, by phase and by version, and what it may come to."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from lib.settings import Settings

if TYPE_CHECKING:
    from lib.governance.cost_allocate import Capacity
    from lib.governance.cost_usage import Usage

COST_ROOT = Path("out", "cost")
HOURS_A_MONTH = 730
OVER = 3


def add_cost(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Measure some rounds of work, or read a log of usage that there is."""
    cost = commands.add_parser("cost", help="what training, serving, watching and keeping cost, and will cost")
    cost.set_defaults(run=_cost)
    cost.add_argument("--root", type=Path, default=COST_ROOT, help=f"where it works and draws ({COST_ROOT})")
    cost.add_argument("--rounds", type=int, default=6, help="of requests, a batch, a stream and a look for drift")
    cost.add_argument("--seconds", type=float, default=3.0, help="of requests in a round")
    cost.add_argument("--usage", type=Path, metavar="FILE", help="report on this log, by days, and work on nothing")
    cost.add_argument("--cores", type=float, default=1.0, help="with --usage: of the machine that did the work")
    cost.add_argument("--memory-gib", type=float, default=4.0, help="with --usage: likewise")
    cost.add_argument("--prices", type=Path, help="a price table of your own (TOML); see lib/governance/prices.toml")
    cost.add_argument(
        "--budget", type=float, metavar="MONEY",
        help=f"for {HOURS_A_MONTH} rounds (with --usage: 30 days); exit code {OVER} when more is expected",
    )  # fmt: skip


def _cost(options: argparse.Namespace) -> int:
    from lib.cli_safeguards import admitting, safeguards
    from lib.governance.cost_allocate import allocate
    from lib.governance.cost_picture import cost_lines, draw_costs, projection_line
    from lib.governance.cost_prices import DECLARED, read_prices
    from lib.governance.cost_project import budget_state, by_period, midnights, project
    from lib.governance.cost_rounds import Work, run_rounds
    from lib.governance.cost_usage import UsageLog
    from lib.tracking.plots import save

    prices = read_prices(options.prices or DECLARED)
    if options.usage is not None:
        usages = UsageLog(options.usage).entries()
        capacity, edges = _machine(options, usages), midnights(usages)
    else:
        log = UsageLog(options.root / f"usage-{datetime.now(UTC):%Y%m%dT%H%M%S}.jsonl")
        work = Work(rounds=options.rounds, seconds=options.seconds)
        settings = Settings(root=options.root)
        worked = run_rounds(work, settings=settings, log=log, say=_say, asked=safeguards(settings), equip=admitting)
        usages, capacity, edges = log.entries(), worked.capacity, list(worked.edges)
        _say(f"{log.path} has what was measured")
    report = allocate(usages, prices, capacity)
    for line in cost_lines(report):
        _say(line)
    picture = options.root / "cost.png"
    picture.parent.mkdir(parents=True, exist_ok=True)
    save(draw_costs(report), picture)
    periods, unit = (HOURS_A_MONTH, "rounds") if options.usage is None else (30, "days")
    projection = project(by_period(usages, prices, edges), periods=periods)
    _say(projection_line(projection, unit, prices.currency, options.budget))
    _say(f"{picture} shows it")
    return OVER if options.budget is not None and budget_state(projection, options.budget) == "over" else 0


def _machine(options: argparse.Namespace, usages: list[Usage]) -> Capacity:
    """From the first work's beginning to the last one's end."""
    from lib.errors import CostError
    from lib.governance.cost_allocate import Capacity

    if not usages:
        raise CostError(f"{options.usage} has no usage. Measure some: python -m lib cost without --usage.")
    ends = max(usage.started + timedelta(seconds=usage.wall_s) for usage in usages)
    window = ends - min(usage.started for usage in usages)
    return Capacity(cores=options.cores, memory_gib=options.memory_gib, window_s=window.total_seconds())


def _say(text: str) -> None:
    print(text, flush=True)
