"""`python -m lib smoke` and `python -m lib try`: whether what runs, or is to be released, is sound."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from lib.errors import DeliveryError
from lib.settings import Settings, sqlite_path

if TYPE_CHECKING:
    from lib.delivery.smoke import Expected, SmokeReport

SERVED = Path("out", "serving")
PIPELINE = Path("out", "pipeline")
PRODUCTION = Path("out", "production")
_SECRETS = ("MLOPS_TRACKING_URI", "MLOPS_LEDGER_URI")


def add_smoke(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """A server that runs already."""
    smoke = commands.add_parser("smoke", help="ask a running server what a release must answer; fails when it does not")
    smoke.set_defaults(run=_smoke)
    smoke.add_argument("url", help="such as http://127.0.0.1:8000")
    smoke.add_argument("--expected", type=Path, metavar="FILE", help="what to expect, else the champion")
    smoke.add_argument("--model", help="the registered model (settings: served_model)")
    smoke.add_argument("--root", type=Path, help=f"where its registry lies (MLOPS_ROOT, else {SERVED})")
    smoke.add_argument("--wait", type=float, default=120.0, metavar="SECONDS", help="for it to be ready")


def add_try(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """An image that is to be released."""
    trial = commands.add_parser("try", help="start the server's image here with a model, and ask it over HTTP")
    environments = trial.add_subparsers(required=True, metavar="ENVIRONMENT")
    staging = environments.add_parser("staging", help="with the pipeline's newest candidate")
    staging.set_defaults(run=_try_staging)
    staging.add_argument("--root", type=Path, default=PIPELINE, help=f"the pipeline's workspace ({PIPELINE})")
    production = environments.add_parser("production", help=f"with the champion at {', '.join(_SECRETS)}")
    production.set_defaults(run=_try_production)
    production.add_argument("--root", type=Path, default=PRODUCTION, help=f"for what it keeps ({PRODUCTION})")
    for environment in (staging, production):
        environment.add_argument("--image", default="mlops-server")
        environment.add_argument("--archive", type=Path, metavar="FILE", help="take the image from there")


def _smoke(options: argparse.Namespace) -> int:
    from lib.cli_safeguards import safeguards
    from lib.delivery.smoke import read_expected, smoke
    from lib.delivery.trial import expect_champion, wait_until_ready

    if options.expected is None:
        settings = Settings.rooted(options.root, usual=SERVED)
        admit = safeguards(settings).admit
        expected = expect_champion(options.model or settings.served_model, settings=settings, admit=admit)
    else:
        expected = read_expected(options.expected)
    wait_until_ready(options.url, wait_s=options.wait)
    return _tell(smoke(options.url, expected))


def _try_staging(options: argparse.Namespace) -> int:
    from lib.delivery.trial import read_candidate

    candidate = read_candidate(options.root)
    return _try(candidate.model, candidate.expected, Settings(root=options.root), options)


def _try_production(options: argparse.Namespace) -> int:
    from lib.cli_safeguards import safeguards
    from lib.delivery.trial import expect_champion
    from lib.serving.first import ensure_champion

    if missing := [name for name in _SECRETS if not os.environ.get(name)]:
        raise DeliveryError(
            f"the secret {' and the secret '.join(missing)} is missing, so production's registry cannot be found. Add "
            "it to the environment `production` of the repository on GitHub, or set the variable of that name "
            "(sqlite:///mlflow.db and sqlite:///registry.db make a registry of this machine alone)."
        )
    settings = Settings(root=options.root)
    settings.root.mkdir(parents=True, exist_ok=True)
    if sqlite_path(settings.ledger_uri) is not None:  # this machine's own registry, which `serve` fills too
        ensure_champion(settings.served_model, settings=settings, say=print, safeguards=safeguards(settings))
    expected = expect_champion(settings.served_model, settings=settings, admit=safeguards(settings).admit)
    return _try(settings.served_model, expected, settings, options)


def _try(name: str, expected: Expected, settings: Settings, options: argparse.Namespace) -> int:
    from lib.delivery.trial import load_image, try_image

    if options.archive is not None:
        load_image(options.archive)
    print(f"trying {options.image} with version {expected.model_version} of {name}", flush=True)
    return _tell(try_image(options.image, expected, name=name, settings=settings))


def _tell(report: SmokeReport) -> int:
    print(report, flush=True)
    if report.passed:
        return 0
    print(f"error: the release is stopped. {report.failures}", file=sys.stderr)
    return 1
