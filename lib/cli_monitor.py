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
ROOT = Path("out", "serving")
TOKEN = Path("/run/secrets/alerts_token")
_PARAMS = {"train": {"trees": 20, "min_leaf": 3, "train": 0.92, "validation": 0.03}}
_DAY_S = 86_400.0


def add_monitor(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The loop, in a minute."""
    monitor = commands.add_parser("monitor", help="a simulated quarter before a real server, watched and acted upon")
    monitor.set_defaults(run=_monitor)
    monitor.add_argument("--story", default="quarter", help="quarter, or a scenario of lib.market")
    monitor.add_argument("--rows-a-day", type=int, default=60)
    monitor.add_argument("--seed", type=int, default=0)
    monitor.add_argument("--days", type=int, default=92, help="how long it is watched")
    monitor.add_argument("--port", type=int, default=0, help="for the server and its control room, else a free one")
    monitor.add_argument("--out", type=Path, default=OUT, help=f"for monitor.png, monitor.json and a registry ({OUT})")
    watch = commands.add_parser("watch", help="judge the predictions of a running server, for Prometheus and alerts")
    watch.set_defaults(run=_watch)
    watch.add_argument("--root", type=Path, help=f"where the server keeps its things (MLOPS_ROOT, else {ROOT})")
    watch.add_argument("--server", default="http://127.0.0.1:8000", metavar="URL", help="whose /metrics are asked")
    watch.add_argument("--key-file", type=Path, metavar="FILE", help="the key that the server asks for (AUTH=1)")
    watch.add_argument("--labels", type=Path, metavar="FOLDER", help="where ground truth comes (ROOT/labels)")
    watch.add_argument("--reference", type=Path, metavar="FILE", help="CSV or Parquet of houses to compare days with")
    watch.add_argument("--usage", type=Path, metavar="FILE", help="a log of usage; with --budget, costs are watched")
    watch.add_argument("--budget", type=_money, metavar="MONEY", help="what 30 days may cost")
    watch.add_argument("--prices", type=Path, help="a price table (TOML); see lib/governance/prices.toml")
    watch.add_argument("--every", type=float, default=900.0, metavar="SECONDS", help="between two looks")
    watch.add_argument("--host", default="127.0.0.1")
    watch.add_argument("--port", type=int, default=9109, help="for /metrics and, with a token, /alerts")
    watch.add_argument("--token", type=Path, default=TOKEN, metavar="FILE", help="what Alertmanager must know")
    watch.add_argument("--amount", type=float, help="what manual mode answers; without it every request is refused")
    watch.add_argument("--per", metavar="INPUT", help="for each unit of this input, such as area_m2")


def _watch(options: argparse.Namespace) -> int:
    from lib.cli_safeguards import safeguards
    from lib.governance.people import read_key
    from lib.monitoring.actions import FallBack, ManualMode
    from lib.monitoring.audit import ActionLog
    from lib.monitoring.beside import Beside, monitor_app
    from lib.monitoring.catalogue import RULES
    from lib.monitoring.hook import alerts_hook
    from lib.monitoring.manual import Fallback, Switch
    from lib.monitoring.respond import Responder
    from lib.serving.server import run_app

    settings = Settings.rooted(options.root, usual=ROOT)
    asked = safeguards(settings)
    beside = Beside(
        settings, options.server, options.labels or settings.root / "labels", reference=options.reference,
        key="" if options.key_file is None else read_key(options.key_file), budget=lambda: _spent(options),
        admit=asked.admit,
    )  # fmt: skip
    folder, hook = settings.root / "monitoring", None
    rule = None if options.amount is None else Fallback(amount=options.amount, per=options.per)
    if options.token.is_file():
        actions = (
            FallBack(settings.served_model, settings, safeguards=asked, blamed=beside.blame),
            ManualMode(Switch(folder / "manual.json"), rule),
        )
        responder = Responder(RULES, actions, ActionLog(folder / "actions.jsonl"), tell=beside.figures.count_action)
        hook = alerts_hook(responder, token=options.token.read_text("utf-8").strip())
    else:
        print(f"{options.token} is not there, so Alertmanager cannot call and nothing is done about alerts.")
    run_app(monitor_app(beside, every_s=options.every, hook=hook), host=options.host, port=options.port)
    return 0


def _spent(options: argparse.Namespace) -> float | None:
    """The expected cost as a share of the budget, None where nobody gave one."""
    from lib.governance.cost_prices import DECLARED, read_prices
    from lib.governance.cost_project import budget_share
    from lib.governance.cost_usage import UsageLog

    if options.usage is None or options.budget is None:
        return None
    return budget_share(UsageLog(options.usage).entries(), read_prices(options.prices or DECLARED), options.budget)


def _money(text: str) -> float:
    amount = float(text)
    if not 0 < amount < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is no amount above 0")
    return amount


def _monitor(options: argparse.Namespace) -> int:
    from lib.cli_safeguards import safeguards
    from lib.delivery.pipeline import warm_steps
    from lib.delivery.retrain import first_version, retrain
    from lib.monitoring.quarter import watch_quarter
    from lib.monitoring.quarter_picture import draw_quarter
    from lib.monitoring.story import tell
    from lib.tracking.plots import save
    from lib.workspace import open_workspace

    story = tell(options.story, rows_a_day=options.rows_a_day, seed=options.seed, days=options.days)
    settings = Settings(root=open_workspace(options.out / "work", fresh=True))
    (settings.root / "params.yaml").write_text(yaml.safe_dump(_PARAMS), "utf-8")

    asked = safeguards(settings)

    def first(sales: pd.DataFrame) -> tuple[int, str]:
        return first_version(settings.root, sales, settings=settings, safeguards=asked)

    try:
        with warm_steps() as warm, _progress((story.ends - story.serves).days) as (say, passed):

            def train(sales: pd.DataFrame) -> tuple[int | None, str]:
                return retrain(settings.root, sales, warm=warm)

            record = watch_quarter(
                story, first=first, train=train, settings=settings, restraints=_restraints(), safeguards=asked,
                port=options.port, say=say, passed=passed,
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
