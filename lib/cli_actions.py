"""`python -m lib actions`: what was done about alerts; and what the server has beside predictions, to show it."""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import TYPE_CHECKING

from lib.settings import Settings

if TYPE_CHECKING:
    from lib.monitoring.audit import ActionLog
    from lib.monitoring.manual import Switch
    from lib.monitoring.respond import Responder
    from lib.serving.app import Equipment

ROOT = Path("out", "serving")


def equip_server(settings: Settings) -> Equipment:
    """The control room, the switch of manual mode, the monitor's figures, pseudonyms, and who must have signed."""
    from lib.governance.privacy_pseudonyms import concealing, ensure_keys
    from lib.governance.provenance import signed_by
    from lib.market import PERSONAL
    from lib.monitoring.control_room import control_room
    from lib.monitoring.figures import Figures
    from lib.monitoring.manual import guarded
    from lib.serving.app import Equipment

    figures, log, switch = Figures(), *_places(settings)
    room = control_room(settings, figures=figures, log=log, switch=switch)
    personal = [column.name for column in PERSONAL.columns if column.personal]
    return Equipment(
        figures=(figures,), extensions=(room,), guard=lambda source: guarded(source, switch),
        conceal=concealing(ensure_keys(settings.pseudonym_key_file), personal=personal),
        admit=signed_by(settings),
    )  # fmt: skip


def add_actions(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Each by hand; training has a command of its own."""
    actions = commands.add_parser("actions", help="what was done about alerts; do or undo one by hand")
    kinds = actions.add_subparsers(required=True, metavar="ACTION")
    listed = kinds.add_parser("list", help="the log, oldest first")
    listed.set_defaults(run=_list)
    undo = kinds.add_parser("undo", help="put back what an entry did")
    undo.set_defaults(run=_undo)
    undo.add_argument("number", type=int, help="of the entry")
    fall_back = kinds.add_parser("fall-back", help="put a stable version back in Production")
    fall_back.set_defaults(run=_do, action="fall back")
    fall_back.add_argument("--stable", type=int, metavar="N", help="the version; else the champion before")
    manual = kinds.add_parser("manual", help="let a rule answer in place of the model, or nobody")
    manual.set_defaults(run=_do, action="manual")
    manual.add_argument("--amount", type=_finite, help="what is answered; without it every request is refused")
    manual.add_argument("--per", metavar="INPUT", help="for each unit of this input, such as area_m2")
    for kind in (listed, undo, fall_back, manual):
        kind.add_argument("--root", type=Path, help=f"where the server keeps its things (MLOPS_ROOT, else {ROOT})")
    for kind in (undo, fall_back, manual):
        kind.add_argument("--by", required=True, help="your name, for the log")
        kind.add_argument("--reason", required=True)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise argparse.ArgumentTypeError(f"{text} is no finite number")
    return number


def _list(options: argparse.Namespace) -> int:
    log, _ = _places(Settings.rooted(options.root, usual=ROOT))
    for entry in log.entries():
        said = f": {entry.said}" if entry.said else ""
        print(f"{entry.number:4} {entry.at:%Y-%m-%d %H:%M} {entry.action}, {entry.outcome} by {entry.by}{said}")
    return 0


def _undo(options: argparse.Namespace) -> int:
    print(_responder(options).undo(options.number, by=options.by, reason=options.reason).said)
    return 0


def _do(options: argparse.Namespace) -> int:
    entry = _responder(options).do(options.action, by=options.by, reason=options.reason)
    print(entry.said)
    return 1 if entry.outcome == "failed" else 0


def _responder(options: argparse.Namespace) -> Responder:
    from lib.cli_safeguards import safeguards
    from lib.monitoring.actions import FallBack, ManualMode
    from lib.monitoring.catalogue import RULES
    from lib.monitoring.manual import Fallback
    from lib.monitoring.respond import Responder

    settings = Settings.rooted(options.root, usual=ROOT)
    log, switch = _places(settings)
    amount = getattr(options, "amount", None)
    fallback = None if amount is None else Fallback(amount=amount, per=options.per)
    stable = getattr(options, "stable", None)
    fall_back = FallBack(settings.served_model, settings, stable=stable, safeguards=safeguards(settings))
    return Responder(RULES, (fall_back, ManualMode(switch, fallback)), log)


def _places(settings: Settings) -> tuple[ActionLog, Switch]:
    from lib.monitoring.audit import PLACE, ActionLog
    from lib.monitoring.manual import Switch

    path = settings.root / PLACE
    return ActionLog(path), Switch(path.with_name("manual.json"))
