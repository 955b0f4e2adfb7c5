"""`python -m lib`: the one place that assembles the parts into a running system."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lib.cli_access import add_access, add_trail, guard_server
from lib.cli_actions import add_actions, equip_server
from lib.cli_batch import add_batch
from lib.cli_cost import add_cost
from lib.cli_drift import add_drift
from lib.cli_gitops import add_cluster, add_deliver, add_gitops
from lib.cli_monitor import add_monitor
from lib.cli_policy import add_policy
from lib.cli_privacy import add_privacy
from lib.cli_provenance import add_provenance
from lib.cli_trial import add_smoke, add_try
from lib.errors import LibError, ServingError
from lib.settings import Settings

if TYPE_CHECKING:
    from lib.serving.app import Equipment

SERVING_ROOT = Path("out", "serving")
AUTOSCALE_OUT = Path("out", "autoscale")
PIPELINE_ROOT = Path("out", "pipeline")
CT_ROOT = Path("out", "ct")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    options = _parser().parse_args(arguments)
    try:
        code: int = options.run(options)
    except LibError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped before the end", file=sys.stderr)
        return 130
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m lib", description="The course's MLOps system.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    serve = commands.add_parser("serve", help="answer predictions over HTTP with the registry's champion")
    serve.set_defaults(run=_serve)
    serve.add_argument("--model", help="the registered model (settings: served_model)")
    serve.add_argument("--model-version", type=int, metavar="N", help="serve this version instead of the champion")
    serve.add_argument("--root", type=Path, help=f"where stores and predictions lie (MLOPS_ROOT, else {SERVING_ROOT})")
    serve.add_argument("--host", default="127.0.0.1")
    # The name under which platforms that run containers say it.
    serve.add_argument("--port", type=int, default=os.environ.get("PORT", "8000"), help="PORT, else 8000")
    serve.add_argument("--workers", type=int, default=1, help="processes, at most one a core")
    serve.add_argument(
        "--policy", choices=["durable", "drop"], default="durable", help="when the log cannot be written"
    )
    serve.add_argument(
        "--drain", type=float, default=0.0, metavar="SECONDS", help="between SIGTERM and the closed door"
    )
    serve.add_argument("--auth", action="store_true", help="ask everybody for a key (see access)")
    serve.add_argument("--wait", action="store_true", help="without a model, wait for one instead of training a first")
    autoscale = commands.add_parser("autoscale", help="replicas behind a proxy follow a load that rises and falls")
    autoscale.set_defaults(run=_autoscale)
    autoscale.add_argument("--model", help="the registered model (settings: served_model)")
    autoscale.add_argument("--root", type=Path, help=f"where stores lie (MLOPS_ROOT, else {SERVING_ROOT})")
    autoscale.add_argument("--out", type=Path, default=AUTOSCALE_OUT, help="for the picture and the record")
    autoscale.add_argument("--seconds", type=_positive, default=90.0, help="how long; shorter is also faster")
    autoscale.add_argument("--peak", type=_positive, default=120.0, metavar="RATE", help="requests a second at the top")
    autoscale.add_argument("--maximum", type=_count, default=8, metavar="REPLICAS")
    autoscale.add_argument(
        "--service-time", type=_positive, default=0.1, metavar="SECONDS", help="of the simulated look-up"
    )
    autoscale.add_argument("--connections", type=_count, default=4, help="look-ups that a replica can have under way")
    autoscale.add_argument("--proxy", choices=["haproxy", "embedded"], help="without it, HAProxy where there is one")
    _add_pipeline(commands)
    _add_ct(commands)
    add_access(commands)
    add_trail(commands)
    add_actions(commands)
    add_batch(commands)
    add_monitor(commands)
    add_cluster(commands)
    add_cost(commands)
    add_gitops(commands)
    add_deliver(commands)
    add_drift(commands)
    add_policy(commands)
    add_privacy(commands)
    add_provenance(commands)
    add_smoke(commands)
    add_try(commands)
    return parser


def _add_pipeline(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    pipeline = commands.add_parser("pipeline", help="from new data to a registered candidate, step by step")
    actions = pipeline.add_subparsers(required=True, metavar="ACTION")
    run = actions.add_parser("run", help="run what changed; simulates a table of sales where there is none")
    run.set_defaults(run=_pipeline_run)
    run.add_argument("--root", type=Path, default=PIPELINE_ROOT, help=f"the workspace ({PIPELINE_ROOT})")
    run.add_argument("--days", type=int, help="let the simulated market go on to this day, and learn from that")
    run.add_argument("--rows-a-day", type=int, default=5)
    run.add_argument("--until", metavar="STEP")
    status = actions.add_parser("status", help="how every step stands, and why")
    status.set_defaults(run=_pipeline_status)
    status.add_argument("--root", type=Path, default=PIPELINE_ROOT)
    step = actions.add_parser("step", help="run one step here, as dvc repro does")
    step.set_defaults(run=_pipeline_step)
    step.add_argument("name")


def _add_ct(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    ct = commands.add_parser("ct", help="continuous training through a simulated quarter of the market")
    ct.set_defaults(run=_ct)
    ct.add_argument("--story", default="quarter", help="quarter, or a scenario of lib.market")
    ct.add_argument("--rows-a-day", type=int, default=40)
    ct.add_argument("--seed", type=int, default=0)
    ct.add_argument("--out", type=Path, default=CT_ROOT, help=f"where ct.png, ct.json and a registry go ({CT_ROOT})")


def _ct(options: argparse.Namespace) -> int:
    from lib.cli_safeguards import safeguards
    from lib.delivery.candidate import register_challenger
    from lib.delivery.draw import draw_ct
    from lib.delivery.quarter import simulate_quarter
    from lib.delivery.training import continuous_training
    from lib.delivery.triggers import TriggerPolicy
    from lib.tracking.plots import save
    from lib.workspace import open_workspace

    settings = Settings(root=open_workspace(options.out / "work", fresh=True))
    asked = safeguards(settings)
    record = continuous_training(
        simulate_quarter(options.story, rows_a_day=options.rows_a_day, seed=options.seed),
        TriggerPolicy(),
        register=lambda challenger: register_challenger(challenger, settings=settings, safeguards=asked).version,
    )
    _say(record.table())
    (options.out / "ct.json").write_text(record.model_dump_json(indent=1), "utf-8")
    save(draw_ct(record), options.out / "ct.png")
    _say(f"{options.out / 'ct.png'} shows it, {options.out / 'ct.json'} has every day; winners are in {settings.root}.")
    return 0


def _pipeline_run(options: argparse.Namespace) -> int:
    from lib.delivery.feed import ensure_sales
    from lib.delivery.pipeline import DATA, run_pipeline
    from lib.workspace import open_workspace

    root = open_workspace(options.root)
    ensure_sales(root / DATA, days=options.days, rows_a_day=options.rows_a_day, say=_say)
    for state in run_pipeline(root, until=options.until, say=_say):
        _say(f"{state.step:20}{state.status}")
    return 0


def _pipeline_status(options: argparse.Namespace) -> int:
    from lib.delivery.pipeline import read_states

    for state in read_states(options.root):
        _say(f"{state.step:20}{state.status:12}{state.reason}".rstrip())
    return 0


def _pipeline_step(options: argparse.Namespace) -> int:
    from lib.cli_safeguards import safeguards
    from lib.delivery.pipeline import PIPELINE, find_step
    from lib.delivery.step import call

    return call(find_step(options.name), PIPELINE, equip=safeguards)


def _serve(options: argparse.Namespace) -> int:
    from lib.cli_safeguards import safeguards
    from lib.serving.first import ensure_champion
    from lib.serving.server import serve

    settings = _settings(options)
    model = options.model or settings.served_model
    if options.model_version is None and not options.wait:
        ensure_champion(model, settings=settings, say=_say, safeguards=safeguards(settings))
    serve(
        model, settings=settings, version=options.model_version, host=options.host, port=options.port,
        workers=options.workers, policy=options.policy, drain_s=options.drain, enforced=options.auth, say=_say,
        equip=_equip_guarded if options.auth else equip_server,
    )  # fmt: skip
    return 0


def _equip_guarded(settings: Settings) -> Equipment:
    return guard_server(equip_server(settings), settings)


def _autoscale(options: argparse.Namespace) -> int:
    from lib.cli_safeguards import admitting, safeguards
    from lib.serving.autoscale_demo import Demo, run_demo
    from lib.serving.autoscale_view import watch
    from lib.serving.lookup import SimulatedLookup

    settings = _settings(options)
    demo = Demo(
        seconds=options.seconds, peak=options.peak, maximum=options.maximum, proxy=options.proxy,
        lookup=SimulatedLookup(seconds=options.service_time, connections=options.connections),
    )  # fmt: skip
    model = options.model or settings.served_model
    try:
        with watch() as (say, show):
            fine = run_demo(
                demo, model, settings=settings, out=options.out, say=say, show=show, safeguards=safeguards(settings),
                equip=admitting,
            )  # fmt: skip
            return 0 if fine else 1
    except KeyboardInterrupt:
        _say(f"Stopped; {options.out} has what there was.")
        return 130


def _positive(text: str) -> float:
    number = float(text)
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return number


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not 1 or more")
    return number


def _settings(options: argparse.Namespace) -> Settings:
    """With the root that was asked for, or the usual one."""
    settings = Settings.rooted(options.root, usual=SERVING_ROOT)
    _make_root(settings.root)
    return settings


def _make_root(root: Path) -> None:
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ServingError(
            f"{root} cannot be made: {error.strerror}. Name another folder (--root, MLOPS_ROOT)."
        ) from error
    if not os.access(root, os.W_OK | os.X_OK):
        raise ServingError(
            f"{root} cannot be written to by user {os.getuid()}, and predictions are kept there. Give it to that user "
            f"(chown {os.getuid()} {root}), or name another folder (--root, MLOPS_ROOT)."
        )


def _say(text: str) -> None:
    print(text, flush=True)
