"""`python -m lib monitor`: the whole loop on a simulated quarter, from the market to a model that is well again."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from lib.settings import Settings

if TYPE_CHECKING:
    import pandas as pd

    from lib.monitoring.respond import Restraint
    from lib.monitoring.rules import ActionName

OUT = Path("out", "monitor")
_PARAMS = {"train": {"trees": 20, "min_leaf": 3, "train": 0.9, "validation": 0.04}}
_DAY_S = 86_400.0


def add_monitor(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The loop, in a minute."""
    monitor = commands.add_parser("monitor", help="a simulated quarter before a real server, watched and acted upon")
    monitor.set_defaults(run=_monitor)
    monitor.add_argument("--story", default="quarter", help="quarter, or a scenario of lib.market")
    monitor.add_argument("--rows-a-day", type=int, default=100)
    monitor.add_argument("--seed", type=int, default=0)
    monitor.add_argument("--days", type=int, default=92, help="how long it is watched")
    monitor.add_argument("--port", type=int, default=0, help="for the server and its control room, else a free one")
    monitor.add_argument("--out", type=Path, default=OUT, help=f"for monitor.png, monitor.json and a registry ({OUT})")


def _monitor(options: argparse.Namespace) -> int:
    from lib.delivery.retrain import retrain
    from lib.monitoring.quarter import watch_quarter
    from lib.monitoring.quarter_picture import draw_quarter
    from lib.monitoring.story import tell
    from lib.tracking.plots import save
    from lib.workspace import open_workspace

    story = tell(options.story, rows_a_day=options.rows_a_day, seed=options.seed, days=options.days)
    settings = Settings(root=open_workspace(options.out / "work", fresh=True))
    (settings.root / "params.yaml").write_text(yaml.safe_dump(_PARAMS), "utf-8")

    def train(sales: pd.DataFrame) -> tuple[int | None, str]:
        return retrain(settings.root, sales)

    try:
        with _progress((story.ends - story.serves).days) as (say, passed):
            record = watch_quarter(
                story, train=train, settings=settings, restraints=_restraints(), port=options.port, say=say,
                passed=passed,
            )  # fmt: skip
    except KeyboardInterrupt:
        print(f"Stopped; nothing was written but the work in {settings.root}, which the next start clears.")
        return 130
    for line in record.lines():
        print(line)
    (options.out / "monitor.json").write_text(record.model_dump_json(indent=1), "utf-8")
    save(draw_quarter(record), options.out / "monitor.png")
    print(f"{options.out / 'monitor.png'} shows it, {options.out / 'monitor.json'} has every look.")
    return 0


def _restraints() -> dict[ActionName, Restraint]:
    """Training is held back as continuous training holds itself back."""
    from lib.delivery.triggers import TriggerPolicy
    from lib.monitoring.respond import Restraint

    policy = TriggerPolicy()
    return {
        "retrain": Restraint(
            budget=policy.budget, budget_s=policy.budget_days * _DAY_S, cool_down_s=policy.cool_down_days * _DAY_S
        )
    }


@contextmanager
def _progress(days: int) -> Iterator[tuple[Callable[[str], None], Callable[[date], None]]]:
    """Two callables: for a text, and for a day that has passed."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(file=sys.stdout, highlight=False)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("days"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("training a first version", total=days)
        yield (
            lambda text: progress.console.print(text, markup=False, soft_wrap=True),
            lambda day: progress.update(task, advance=1, description=f"{day}"),
        )
