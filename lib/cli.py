"""`python -m lib`: the one place that assembles the parts into a running system."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from lib.errors import LibError
from lib.settings import Settings

SERVING_ROOT = Path("out", "serving")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    options = _parser().parse_args(arguments)
    try:
        code: int = options.run(options)
    except LibError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
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
    serve.add_argument("--port", type=int, default=8000)
    serve.add_argument("--workers", type=int, default=1, help="processes, at most one a core")
    serve.add_argument(
        "--policy", choices=["durable", "drop"], default="durable", help="when the log cannot be written"
    )
    serve.add_argument(
        "--drain", type=float, default=0.0, metavar="SECONDS", help="between SIGTERM and the closed door"
    )
    return parser


def _serve(options: argparse.Namespace) -> int:
    from lib.serving.first import ensure_champion
    from lib.serving.server import serve

    settings = Settings()
    if options.root is not None or "root" not in settings.model_fields_set:
        settings = settings.model_copy(update={"root": options.root or SERVING_ROOT})
    model = options.model or settings.served_model
    settings.root.mkdir(parents=True, exist_ok=True)
    if options.model_version is None:
        ensure_champion(model, settings=settings, say=_say)
    serve(
        model, settings=settings, version=options.model_version, host=options.host, port=options.port,
        workers=options.workers, policy=options.policy, drain_s=options.drain, say=_say,
    )  # fmt: skip
    return 0


def _say(text: str) -> None:
    print(text, flush=True)
