"""`python -m lib policy` and `card`: what a version has to show before it may answer, and what is said of it."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from lib.settings import Settings

if TYPE_CHECKING:
    from lib.registry import Evidence

ROOT = Path("out", "serving")


def add_policy(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The rules as a command, and the card that one of them asks for."""
    policy = commands.add_parser("policy", help="the rules that a version has to keep, and whether it does")
    actions = policy.add_subparsers(required=True, metavar="ACTION")
    show = actions.add_parser("show", help="the rules and the exceptions to them")
    show.set_defaults(run=_show)
    check = actions.add_parser("check", help="a version, or without one the packages here and the exceptions")
    check.set_defaults(run=_check)
    check.add_argument("version", type=int, nargs="?")
    card = commands.add_parser("card", help="write a version's model card from its run, the registry and your words")
    card.set_defaults(run=_card)
    card.add_argument("version", type=int)
    card.add_argument("--words", type=Path, required=True, metavar="FILE", help="what no run knows, in TOML")
    for action in (show, check):
        action.add_argument("--policy", type=Path, metavar="FILE", help="without it, lib/governance/policy.toml")
    for action in (check, card):
        action.add_argument("--model", help="the registered model (settings: served_model)")
        action.add_argument("--root", type=Path, help=f"where stores lie (MLOPS_ROOT, else {ROOT})")


def _show(options: argparse.Namespace) -> int:
    from lib.governance.policy import DECLARED, describe, read_policy

    for line in describe(read_policy(options.policy or DECLARED)):
        _say(line)
    return 0


def _check(options: argparse.Namespace) -> int:
    from lib.governance.policy import DECLARED, check_environment, check_version, read_policy

    policy = read_policy(options.policy or DECLARED)
    if options.version is None:
        return _told(check_environment(policy))
    settings = Settings.rooted(options.root, usual=ROOT)
    model = options.model or settings.served_model
    return _told(check_version(policy, model, options.version, settings=settings))


def _card(options: argparse.Namespace) -> int:
    from lib.governance.cards import card_text, fill_card, keep_card, read_words

    settings = Settings.rooted(options.root, usual=ROOT)
    model = options.model or settings.served_model
    card = fill_card(model, options.version, read_words(options.words), settings=settings)
    place = keep_card(card, settings=settings)
    _say(card_text(card, settings=settings))
    _say(f"kept with the run as {place}")
    return 0


def _told(findings: Iterable[Evidence]) -> int:
    from lib.governance.policy import plain

    passed = True
    for found in findings:
        _say(plain(found))
        passed &= found.passed
    return int(not passed)


def _say(text: str) -> None:
    print(text, flush=True)
