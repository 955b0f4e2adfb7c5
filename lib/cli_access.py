"""`python -m lib access` and `trail`: who may do what on a guarded server, and whether what was written down stands."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from lib.settings import Settings

if TYPE_CHECKING:
    from lib.governance.people import People
    from lib.governance.seals import Source
    from lib.governance.trail import Trail
    from lib.serving.app import Equipment

ROOT = Path("out", "serving")
# Of the running case, without the month: tomorrow's is always beyond the greatest.
NOVELTY_COLUMNS = ("area_m2", "rooms", "age_years", "distance_km", "condition")


def guard_server(equipment: Equipment, settings: Settings) -> Equipment:
    """The same, with a door that asks for keys, budgets, a check for rows of no house, and the registry's desk."""
    from lib.cli_safeguards import safeguards
    from lib.governance.authority import open_authority
    from lib.governance.data_routes import data_routes
    from lib.governance.desk import Desk
    from lib.governance.desk_routes import desk_routes
    from lib.governance.door import door, row_budget
    from lib.governance.novelty_guard import NoveltyGuard
    from lib.governance.rates import Meter, Rates
    from lib.governance.trail import PLACE, open_trail
    from lib.registry.training_rows import rows_of_run
    from lib.serving.metrics import shared_file

    novelty = NoveltyGuard(
        lambda version: rows_of_run(version.run_id, "train", settings=settings), columns=NOVELTY_COLUMNS
    )
    rates = Rates(requests=settings.request_rate, rows=settings.row_rate)
    meter = Meter(rates, shared=shared_file("rates.sqlite"))
    authority, trail = open_authority(settings.access_folder), open_trail(settings.root / PLACE)
    asked = safeguards(settings)
    desk = Desk(authority, trail, settings=settings, gates=asked.trial, release=asked.release, admit=asked.admit)
    return dataclasses.replace(
        equipment,
        access=door(authority, meter, witness=trail.add),
        screens=(*equipment.screens, row_budget(meter), novelty.screen),
        guard=lambda source: equipment.guard(novelty.guarded(source)),
        extensions=(
            *equipment.extensions,
            desk_routes(desk, authority=authority, trail=trail),
            data_routes(settings.prediction_folder),
        ),
    )


def add_access(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """What is given here is given by whoever may write the server's folder: no address of the server gives it."""
    access = commands.add_parser("access", help="people, their roles and their keys, for a server with AUTH=1")
    kinds = access.add_subparsers(required=True, metavar="ACTION")
    roles = kinds.add_parser("grant", help="give somebody roles, and no others; make their first key")
    roles.set_defaults(run=_grant)
    roles.add_argument("person")
    roles.add_argument("--role", action="append", default=[], help="may be given several times; none takes all away")
    listed = kinds.add_parser("list", help="everybody, with roles and keys")
    listed.set_defaults(run=_list)
    key = kinds.add_parser("key", help="one more key for somebody")
    key.set_defaults(run=_key)
    key.add_argument("person")
    adopt = kinds.add_parser("adopt", help="give a program roles, and the key that was drawn for it")
    adopt.set_defaults(run=_adopt)
    adopt.add_argument("person")
    adopt.add_argument("--role", action="append", default=[])
    adopt.add_argument("--key-file", type=Path, required=True, metavar="FILE", help="with the text of the key")
    for name, words in (("rotate", "put a new key in place of one"), ("revoke", "let a key open nothing any more")):
        kind = kinds.add_parser(name, help=f"{words}, at once")
        kind.set_defaults(run=_rotate if name == "rotate" else _revoke)
        kind.add_argument("key", help="its id, as list shows it")
    for kind in kinds.choices.values():
        kind.add_argument("--root", type=Path, help=f"where the server keeps its things (MLOPS_ROOT, else {ROOT})")
        if kind is not listed:
            kind.add_argument("--by", type=_named, required=True, help="your name, for the audit trail")


def add_trail(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Reading, and checking."""
    trail = commands.add_parser("trail", help="the audit trail: what was done, and whether anybody changed it since")
    trail.set_defaults(run=_trail)
    trail.add_argument("--root", type=Path, help=f"where the server keeps its things (MLOPS_ROOT, else {ROOT})")
    trail.add_argument("--anchor", default="", help="what this command said earlier was the newest line")


def _named(text: str) -> str:
    if not text.strip():
        raise argparse.ArgumentTypeError("it names nobody")
    return text


def _grant(options: argparse.Namespace) -> int:
    with _opened(options) as (people, trail):
        person = people.put(options.person, options.role)
        trail.add("roles given", by=options.by, person=person.name, roles=sorted(person.roles))
        first = person.roles and not people.keys(person.name)
    print(f"{person.name} is {', '.join(sorted(person.roles)) or 'nothing'} now.")
    return _key(options) if first else 0


def _adopt(options: argparse.Namespace) -> int:
    from lib.governance.people import read_key

    text = read_key(options.key_file)
    with _opened(options) as (people, trail):
        person = people.put(options.person, options.role)
        key = people.adopt(person.name, text)
        trail.add("key adopted", by=options.by, person=person.name, roles=sorted(person.roles), key=key.id)
    print(f"{person.name} is {', '.join(sorted(person.roles))} now, by key {key.id} until {key.expires:%Y-%m-%d}.")
    return 0


def _list(options: argparse.Namespace) -> int:
    with _opened(options) as (people, _):
        for person in people.everybody():
            print(f"{person.name}: {', '.join(sorted(person.roles)) or 'no role'}")
            for key in people.keys(person.name):
                ended, when = ("revoked on", key.revoked) if key.revoked else ("until", key.expires)
                print(f"  key {key.id}, {ended} {when:%Y-%m-%d %H:%M} UTC")
    return 0


def _key(options: argparse.Namespace) -> int:
    with _opened(options) as (people, trail):
        new = people.issue(options.person)
        trail.add("key issued", by=options.by, person=options.person, key=new.id)
    print(f"{new.text}\nis the key of {options.person} until {new.expires:%Y-%m-%d}; it is shown this once.")
    return 0


def _rotate(options: argparse.Namespace) -> int:
    with _opened(options) as (people, trail):
        new = people.rotate(options.key)
        trail.add("key rotated", by=options.by, person=people.key(new.id).person, key=new.id, instead=options.key)
    print(f"{new.text}\nreplaces key {options.key}, which opens nothing any more; it is shown this once.")
    return 0


def _revoke(options: argparse.Namespace) -> int:
    with _opened(options) as (people, trail):
        key = people.revoke(options.key)
        trail.add("key revoked", by=options.by, person=key.person, key=key.id)
    print(f"Key {key.id} of {key.person} opens nothing any more, nor does any token made with it.")
    return 0


def _trail(options: argparse.Namespace) -> int:
    from lib.governance.seals import broken_seals, seal
    from lib.governance.trail import PLACE, open_trail

    settings = Settings.rooted(options.root, usual=ROOT)
    trail, sources = open_trail(settings.root / PLACE), _sources(settings)
    problems = [*trail.verify(anchor=options.anchor).problems]
    # A seal in a changed line says nothing about what it sealed.
    problems = problems or broken_seals(trail, sources)
    if problems:
        print("\n".join(problems))
        return 1
    new = seal(trail, sources)
    lines = trail.lines()
    for line in lines:
        print(line)
    print(f"{len(lines)} lines, none changed, nor what they seal ({new} records sealed now).")
    print(f"Write the newest down elsewhere: {trail.head or '(none yet)'}")
    return 0


def _sources(settings: Settings) -> dict[str, Source]:
    """What is written down elsewhere and held against the trail."""
    from lib.governance.seals import Record, ledger_records
    from lib.monitoring.audit import PLACE as ACTIONS
    from lib.monitoring.audit import ActionLog

    def actions() -> dict[str, Record]:
        return {
            str(each.number): Record(each.by, f"{each.action}, {each.outcome}", each.model_dump(mode="json"))
            for each in ActionLog(settings.root / ACTIONS).entries()
        }

    return {"registry": lambda: ledger_records(settings), "actions": actions}


@contextlib.contextmanager
def _opened(options: argparse.Namespace) -> Iterator[tuple[People, Trail]]:
    from lib.governance.authority import open_authority
    from lib.governance.trail import PLACE, open_trail

    settings = Settings.rooted(options.root, usual=ROOT)
    with contextlib.closing(open_authority(settings.access_folder).people) as people:
        yield people, open_trail(settings.root / PLACE)
