"""`python -m lib cluster` and `python -m lib gitops`: what runs, what is wanted, and the way from one to the other."""

from __future__ import annotations

import argparse
import getpass
import os
import signal
import sys
import threading
from pathlib import Path

from lib.settings import Settings

ROOT = Path("out", "pipeline")
DELIVER_ROOT = Path("out", "deliver")


def add_cluster(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The process that keeps staging and production running."""
    cluster = commands.add_parser("cluster", help="staging and production on this machine, each behind a proxy")
    actions = cluster.add_subparsers(required=True, metavar="ACTION")
    run = actions.add_parser("run", help="keep both running until Ctrl-C; comes back as it was")
    run.set_defaults(run=_cluster_run)
    run.add_argument("--staging-port", type=int, default=0, help="without it the last one, or a free one")
    run.add_argument("--production-port", type=int, default=0)
    run.add_argument("--attached", action="store_true", help="end when standard input does")
    run.add_argument("--proxy", choices=["haproxy", "embedded"], help="without it, HAProxy where there is one")
    status = actions.add_parser("status", help="what runs, and what clients saw of it")
    status.set_defaults(run=_cluster_status)
    for action in (run, status):
        _add_root(action)


def add_gitops(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """What is wanted, and what became of it."""
    gitops = commands.add_parser("gitops", help="bring what runs to what is committed")
    actions = gitops.add_subparsers(required=True, metavar="ACTION")
    status = actions.add_parser("status", help="how both environments stand, without changing anything")
    status.set_defaults(run=_status)
    reconcile = actions.add_parser("reconcile", help="bring both to what is committed")
    reconcile.set_defaults(run=_reconcile)
    reconcile.add_argument("--wait", type=float, default=600.0, metavar="SECONDS", help="for replicas and canaries")
    reconcile.add_argument("--again", action="store_true", help="also what was refused or rolled back before")
    reconcile.add_argument("--watch", action="store_true", help="go on for ever")
    approve = actions.add_parser("approve", help="commit your approval of a version for production")
    approve.set_defaults(run=_approve)
    approve.add_argument("version", type=int)
    approve.add_argument("--by", default=getpass.getuser(), help="who approves")
    approve.add_argument("--reason", required=True)
    render = actions.add_parser("render", help="what an environment runs, as files for Kubernetes or compose")
    render.set_defaults(run=_render)
    render.add_argument("form", choices=["kubernetes", "compose"])
    render.add_argument("--environment", choices=["staging", "production"], default="production")
    render.add_argument("--image", default="mlops-server:0.1.0")
    render.add_argument("--host", default="prices.example.com", help="of the ingress")
    history = actions.add_parser("history", help="every step and decision, oldest first")
    history.set_defaults(run=_history)
    for action in (status, reconcile, approve, render, history):
        _add_root(action)


def add_deliver(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The whole road once."""
    deliver = commands.add_parser("deliver", help="release, take back and revert on this machine, under clients")
    deliver.set_defaults(run=_deliver)
    deliver.add_argument("--root", type=Path, default=DELIVER_ROOT, help=f"emptied first ({DELIVER_ROOT})")
    deliver.add_argument("--proxy", choices=["haproxy", "embedded"], help="without it, HAProxy where there is one")


def _add_root(action: argparse.ArgumentParser) -> None:
    action.add_argument("--root", type=Path, help=f"where everything lies (MLOPS_ROOT, else {ROOT})")


def _cluster_run(options: argparse.Namespace) -> int:
    from lib.cli_safeguards import admitting
    from lib.delivery.cluster import run_cluster
    from lib.delivery.deployment import cluster_folder
    from lib.delivery.wanted import Environment
    from lib.workspace import open_workspace

    settings = Settings.rooted(options.root, usual=ROOT)
    if not settings.root.exists() or not any(settings.root.iterdir()):
        open_workspace(settings.root)  # the pipeline goes on there
    asked: dict[Environment, int] = {"staging": options.staging_port, "production": options.production_port}
    ports = {name: port for name, port in asked.items() if port}
    if options.attached:
        threading.Thread(target=_end_with_stdin, name="end with standard input", daemon=True).start()
    run_cluster(cluster_folder(settings), settings=settings, ports=ports, kind=options.proxy, equip=admitting, say=_say)
    return 0


def _end_with_stdin() -> None:
    os.read(sys.stdin.fileno(), 1)
    os.kill(os.getpid(), signal.SIGTERM)


def _deliver(options: argparse.Namespace) -> int:
    from lib.cli_safeguards import safeguards
    from lib.delivery.deliver import run_delivery

    told = run_delivery(options.root, proxy=options.proxy, say=_say, equip=safeguards)
    (options.root / "record.txt").write_text(f"{told}\n", "utf-8")
    _say(str(told))
    _say(
        f"{options.root / 'record.txt'} has this record; python -m lib gitops history --root {options.root} every step."
    )
    return 0 if told.good else 1


def _cluster_status(options: argparse.Namespace) -> int:
    from lib.delivery.deployment import open_deployment
    from lib.delivery.wanted import ENVIRONMENTS

    cluster = open_deployment(Settings.rooted(options.root, usual=ROOT)).cluster
    for name in ENVIRONMENTS:
        running = cluster.look(name)
        _say(f"{name} at {running.url}: {running.spec}{'' if running.settled else ', not settled yet'}")
        for seen in running.versions.values():
            _say(f"  {seen}")
    return 0


def _status(options: argparse.Namespace) -> int:
    from lib.delivery.deployment import open_deployment
    from lib.delivery.wanted import ENVIRONMENTS

    deployment = open_deployment(Settings.rooted(options.root, usual=ROOT))
    for name in ENVIRONMENTS:
        _say(str(deployment.status(name)))
    return 0


def _reconcile(options: argparse.Namespace) -> int:
    from lib.cli_safeguards import safeguards
    from lib.delivery.deployment import open_deployment

    settings = Settings.rooted(options.root, usual=ROOT)
    deployment = open_deployment(settings, safeguards(settings))
    if options.watch:
        deployment.watch(say=_say)
    reports = deployment.reconcile(wait_s=options.wait, again=options.again, say=_say)
    for report in reports:
        _say(str(report))
    return 0 if all(report.state in ("in place", "nothing wanted") for report in reports) else 1


def _approve(options: argparse.Namespace) -> int:
    from lib.cli_safeguards import safeguards
    from lib.delivery.deployment import open_deployment
    from lib.registry import Approval

    settings = Settings.rooted(options.root, usual=ROOT)
    approval = Approval(by=options.by, reason=options.reason)
    commit = open_deployment(settings, safeguards(settings)).approve(settings.served_model, options.version, approval)
    _say(f"{commit}")
    return 0


def _render(options: argparse.Namespace) -> int:
    from lib.delivery.deployment import open_deployment
    from lib.delivery.manifests import as_yaml, compose_file, kubernetes_manifests
    from lib.serving.kubernetes import Serving

    settings = Settings.rooted(options.root, usual=ROOT)
    spec = open_deployment(settings).cluster.look(options.environment).spec
    if options.form == "compose":
        _say(as_yaml(compose_file(spec, image=options.image, name=options.environment)))
    else:
        serving = Serving(image=options.image, name=settings.served_model)
        _say(as_yaml(kubernetes_manifests(spec, serving, host=options.host)))
    return 0


def _history(options: argparse.Namespace) -> int:
    from lib.delivery.deployment import open_deployment

    for line in open_deployment(Settings.rooted(options.root, usual=ROOT)).records.history():
        _say(f"{str(line['at'])[:19]} {line['environment']:11}{line['commit']:9} {line['what']}")
    return 0


def _say(text: str) -> None:
    print(text, flush=True)
