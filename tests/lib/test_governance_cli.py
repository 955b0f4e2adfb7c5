"""`python -m lib access` and `trail`, as whoever runs a guarded server uses them."""

from __future__ import annotations

import re

import pytest

from lib.cli import main
from lib.cli_access import guard_server
from lib.cli_actions import equip_server
from lib.errors import BadCredential
from lib.governance.authority import open_authority
from lib.governance.people import PREFIX
from lib.governance.routes import ROUTES
from lib.serving import create_app
from lib.settings import Settings
from tests.lib.serving_tools import forest


@pytest.fixture
def run(tmp_path, capsys):
    """A command on a folder of its own; returns its exit code and what it said."""

    def command(*words, by="root"):
        named = [] if by is None or words[0] == "trail" else ["--by", by]
        code = main([*words, "--root", str(tmp_path), *named])
        told = capsys.readouterr()
        return code, told.out + told.err

    return command


def key_in(said):
    (text,) = re.findall(rf"^{PREFIX}_\S+$", said, re.MULTILINE)
    return text


def test_a_key_s_life(run, tmp_path):
    """Granted, listed, rotated, revoked: each counts at once, and the trail tells it without the key's text."""
    first = key_in(run("access", "grant", "ada", "--role", "scientist", "--role", "learner")[1])
    authority = open_authority(tmp_path / "governance")
    caller = authority.identify(first)
    assert caller.roles == {"scientist", "learner"}
    assert run("access", "list", by=None)[1].splitlines()[0] == "ada: learner, scientist"
    second = key_in(run("access", "rotate", caller.key_id)[1])
    third = key_in(run("access", "key", "ada")[1])
    key_id = authority.identify(second).key_id
    assert f"Key {key_id} of ada opens nothing any more" in run("access", "revoke", key_id)[1]
    for dead in (first, second):
        with pytest.raises(BadCredential, match="revoked"):
            authority.identify(dead)
    assert authority.identify(third).person == "ada"
    code, said = run("access", "grant", "ada")
    assert (code, said) == (0, "ada is nothing now.\n")
    assert authority.identify(third).roles == frozenset()
    authority.people.close()
    code, told = run("trail")
    assert code == 0
    assert re.findall(r"root: ([a-z ]+) \(", told) == [
        "roles given", "key issued", "key rotated", "key issued", "key revoked", "roles given",
    ]  # fmt: skip
    assert [text for text in (first, second, third) if text[-43:] in told] == []
    assert "6 lines, none changed" in told


def test_changed_trail_is_told_with_an_exit_code(run, tmp_path):
    """Nothing is shown as if it were true; an earlier anchor is held against what there is."""
    run("access", "grant", "ada", "--role", "learner")
    _, told = run("trail")
    anchor = told.split()[-1]
    assert run("trail", "--anchor", anchor)[0] == 0
    path = tmp_path / "governance" / "trail.jsonl"
    path.write_text(path.read_text().replace("learner", "operator"))
    code, told = run("trail")
    assert code == 1
    assert told == "line 1, which says number 1, is not as it was written\n"


def test_actions_are_sealed_and_a_changed_one_is_told(run, tmp_path):
    """What was done about an alert is in the trail once it was looked at; an entry changed later is named."""
    assert run("actions", "manual", "--amount", "1000", "--reason", "a broken feed")[0] == 0
    code, told = run("trail")
    assert (code, "root: sealed (source actions, record 1, words manual, begun" in told) == (0, True)
    path = tmp_path / "monitoring" / "actions.jsonl"
    path.write_text(path.read_text().replace("a broken feed", "no reason"))
    code, told = run("trail")
    assert code == 1
    assert "actions 1 is not as it was: line 1 sealed it" in told


def test_the_real_server_has_the_addresses_that_were_decided_on(tmp_path):
    """As `serve --auth` assembles it: each asks for the permission of the table, and none is missing there."""
    settings = Settings(root=tmp_path)
    equipment = guard_server(equip_server(settings), settings)
    app = create_app(
        forest(), settings=settings, access=equipment.access, screens=equipment.screens, figures=equipment.figures,
        extensions=equipment.extensions,
    )  # fmt: skip
    there = {(method, route.path) for route in app.routes for method in route.methods - {"HEAD"}}
    assert there == set(ROUTES) - {("POST", "/alerts")}, "the hook of alerts is served where Alertmanager is"
    assert equipment.access is not None
    assert len(equipment.screens) == 2


def test_mistakes_are_told_with_a_way_out(run, capsys):
    """An unknown role, an unknown key, somebody unknown; and nobody acts without a name."""
    code, said = run("access", "grant", "ada", "--role", "admin")
    assert (code, said) == (
        1,
        "error: no role is named admin. The roles are learner, scientist, reviewer, operator, auditor.\n",
    )
    assert run("access", "revoke", "00000000")[0] == 1
    assert run("access", "key", "bob") == (1, "error: nobody is known as 'bob'. Give them roles first.\n")
    with pytest.raises(SystemExit):
        run("access", "grant", "ada", "--role", "learner", by=" ")
    assert "it names nobody" in capsys.readouterr().err
