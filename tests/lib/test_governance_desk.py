"""The desk over a real registry: each move by somebody known who may, approvals by another, and seals that hold."""

from __future__ import annotations

import sqlite3

import pytest
import requests
from sklearn.linear_model import Ridge

from lib.errors import AccessError, BadCredential, IllegalMove, PromotionRefused, TrailError
from lib.governance.authority import open_authority
from lib.governance.desk import Desk
from lib.governance.desk_routes import desk_routes
from lib.governance.door import door
from lib.governance.policy import policy_gates, read_policy
from lib.governance.rates import Meter
from lib.governance.seals import Record, broken_seals, ledger_records, seal
from lib.governance.trail import Trail, open_trail
from lib.registry import Evidence, history, load
from lib.serving import create_app
from tests.lib.registered import a_run, another, settings_in
from tests.lib.serving_tools import WAIT_S, forest, serving

PEOPLE = {
    "ada": ["scientist"], "grace": ["reviewer"], "oscar": ["operator"], "anna": ["auditor"], "lee": ["learner"],
    "both": ["reviewer", "operator"],
}  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A registry, and a run that root trained."""
    settings = settings_in(tmp_path_factory.mktemp("desk"))
    return settings, a_run(settings, Ridge(alpha=1.0))


@pytest.fixture(scope="module")
def other_run(place):
    """Of another model."""
    return a_run(place[0], Ridge(alpha=2.0))


@pytest.fixture(scope="module")
def authority(place):
    found = open_authority(place[0].root / "governance")
    for name, roles in PEOPLE.items():
        found.people.put(name, roles)
    yield found
    found.people.close()


@pytest.fixture(scope="module")
def trail(place):
    return open_trail(place[0].root / "governance")


@pytest.fixture(scope="module")
def callers(authority):
    return {name: authority.identify(authority.people.issue(name).text) for name in PEOPLE}


@pytest.fixture
def desk(place, authority, trail):
    return Desk(authority, trail, settings=place[0])


@pytest.fixture
def staged(request, place, desk, callers):
    """The name of a model of its own with version 1 in Staging."""
    settings, run_id = place
    name = request.node.name[:60]
    desk.register(callers["ada"], another(run_id, settings), name)
    desk.promote(callers["ada"], name, 1, to="Staging", reason="try it")
    return name


def test_version_goes_its_way_by_three_known_people(staged, desk, callers, place, trail):
    """A scientist stages, a reviewer approves, an operator releases; ledger and trail name each."""
    desk.approve(callers["grace"], staged, 1, reason="read the evidence")
    done = desk.promote(callers["oscar"], staged, 1, to="Production", reason="Tuesday's release")
    assert (done.by, done.approver, done.champion) == ("oscar", "grace", 1)
    assert load(staged, settings=place[0]).version == 1
    told = [line for line in trail.lines() if staged in str(line.about)]
    assert [(line.by, line.what) for line in told] == [
        ("ada", "sealed"), ("ada", "sealed"), ("grace", "approved"), ("oscar", "sealed"),
    ]  # fmt: skip
    assert trail.verify().ok
    assert broken_seals(trail, {"registry": lambda: ledger_records(place[0])}) == []


@pytest.mark.parametrize("who", ["ada", "grace", "anna", "lee"])
def test_release_by_another_role_is_refused_in_the_ledger(staged, desk, callers, who, place):
    """With an approval at hand, it fails by the mover alone, and nothing moves."""
    desk.approve(callers["grace"], staged, 1, reason="read the evidence")
    with pytest.raises(PromotionRefused, match=f"{who} may not move a version of .* to Production"):
        desk.promote(callers[who], staged, 1, to="Production", reason="now")
    last = history(staged, settings=place[0])[-1]
    assert (last.kind, last.by, last.champion) == ("refused", who, None)


@pytest.mark.parametrize(("who", "to"), [("oscar", "Staging"), ("grace", "Archived"), ("lee", "Archived")])
def test_each_stage_has_its_movers(staged, desk, callers, who, to):
    """Staging is the scientist's, the archive the operator's."""
    if to == "Staging":
        desk.promote(callers["oscar"], staged, 1, to="Archived", reason="given up")
    with pytest.raises(PromotionRefused, match=f"{who} may not move"):
        desk.promote(callers[who], staged, 1, to=to, reason="now")


def test_only_a_reviewer_s_word_counts_and_only_while_they_are_one(staged, desk, callers, authority):
    """Nobody else may approve; an approval whose author lost the role since is none."""
    for who in ("ada", "oscar", "anna", "lee"):
        with pytest.raises(AccessError, match="this needs models:approve"):
            desk.approve(callers[who], staged, 1, reason="mine")
    with pytest.raises(AccessError, match="has a reason"):
        desk.approve(callers["grace"], staged, 1, reason=" ")
    desk.approve(callers["grace"], staged, 1, reason="read the evidence")
    authority.people.put("grace", ["learner"])
    try:
        with pytest.raises(PromotionRefused, match="nobody approved it"):
            desk.promote(callers["oscar"], staged, 1, to="Production", reason="now")
    finally:
        authority.people.put("grace", ["reviewer"])
    assert desk.promote(callers["oscar"], staged, 1, to="Production", reason="now").approver == "grace"


def test_nobody_approves_what_they_release(staged, desk, callers):
    """Somebody with both roles is still one pair of eyes."""
    desk.approve(callers["both"], staged, 1, reason="trust me")
    with pytest.raises(PromotionRefused, match="nobody approved it"):
        desk.promote(callers["both"], staged, 1, to="Production", reason="now")
    assert desk.promote(callers["oscar"], staged, 1, to="Production", reason="now").approver == "both"


def test_policy_stops_a_release_and_no_trial(staged, callers, authority, trail, place):
    """Where a policy is named, an approved version that breaks a rule stays in Staging, where it may be tried."""
    desk = Desk(authority, trail, settings=place[0], release=policy_gates(read_policy()))
    desk.approve(callers["grace"], staged, 1, reason="read the evidence")
    with pytest.raises(PromotionRefused, match=r"signed-model: nobody is named as a signer .*model-card: it has no"):
        desk.promote(callers["oscar"], staged, 1, to="Production", reason="now")
    desk.promote(callers["oscar"], staged, 1, to="Archived", reason="given up")
    assert desk.promote(callers["ada"], staged, 1, to="Staging", reason="again").staging == 1


def test_approval_is_of_these_files_and_no_others(staged, desk, callers, other_run):
    """What was said of version 1 says nothing of another model that was registered later."""
    desk.approve(callers["grace"], staged, 1, reason="read the evidence")
    desk.register(callers["ada"], other_run, staged)
    desk.promote(callers["ada"], staged, 2, to="Staging", reason="try it")
    with pytest.raises(PromotionRefused, match="nobody approved it"):
        desk.promote(callers["oscar"], staged, 2, to="Production", reason="now")


def test_forged_approval_is_none(place, authority, callers, tmp_path):
    """Somebody who can write the trail's file, and has no key, puts a reviewer's word into it: nothing is released."""
    settings, run_id = place
    trail = Trail(tmp_path / "trail.jsonl", key=bytes(32))
    desk = Desk(authority, trail, settings=settings)
    version = desk.register(callers["ada"], another(run_id, settings), "forged")
    desk.promote(callers["ada"], "forged", 1, to="Staging", reason="try it")
    about = {"model": "forged", "version": 1, "digest": version.digest, "reason": "as good as gold"}
    Trail(trail.path, key=b"x" * 32).add("approved", by="grace", **about)
    with pytest.raises(TrailError, match="is not as it was written"):
        desk.promote(callers["oscar"], "forged", 1, to="Production", reason="now")
    assert history("forged", settings=settings)[-1].champion is None


def test_failed_gate_stops_whoever_asks(staged, place, authority, trail, callers):
    """The desk's gates run for every caller."""

    def never(_candidate, _champion):
        return Evidence(id="never", passed=False, reason="not today")

    desk = Desk(authority, trail, settings=place[0], gates=[never])
    desk.approve(callers["grace"], staged, 1, reason="read the evidence")
    with pytest.raises(PromotionRefused, match="never: not today"):
        desk.promote(callers["oscar"], staged, 1, to="Production", reason="now")


def test_rollback_is_the_operator_s(staged, desk, callers, place, other_run):
    """Another is refused in the ledger; the operator gets as far as the registry's own rules."""
    for number in (1, 2):
        if number == 2:
            desk.register(callers["ada"], other_run, staged)
            desk.promote(callers["ada"], staged, 2, to="Staging", reason="try it")
        desk.approve(callers["grace"], staged, number, reason="read the evidence")
        desk.promote(callers["oscar"], staged, number, to="Production", reason="release")
    with pytest.raises(PromotionRefused, match="lee may not move"):
        desk.rollback(callers["lee"], staged, reason="mischief")
    assert history(staged, settings=place[0])[-1].champion == 2
    with pytest.raises(IllegalMove, match="needs a reason"):
        desk.rollback(callers["oscar"], staged, reason="")
    assert desk.rollback(callers["oscar"], staged, reason="errors doubled").champion == 1


def test_revoked_key_moves_nothing_though_it_was_recognised_before(staged, desk, authority):
    """Between the door and the desk a key may end."""
    new = authority.people.issue("ada")
    caller = authority.identify(new.text)
    authority.people.revoke(new.id)
    for act in (
        lambda: desk.promote(caller, staged, 1, to="Archived", reason="now"),
        lambda: desk.register(caller, "run", staged),
        lambda: desk.rollback(caller, staged, reason="now"),
    ):
        with pytest.raises(BadCredential, match="revoked"):
            act()


def test_narrow_token_moves_nothing_beyond_its_scopes(staged, desk, authority):
    """An operator's token for archiving does not release."""
    caller = authority.identify(authority.people.issue("oscar").text)
    narrow = authority.identify(authority.token(caller, ["models:archive"]))
    with pytest.raises(PromotionRefused, match="oscar may not move"):
        desk.promote(narrow, staged, 1, to="Production", reason="now")
    assert desk.promote(narrow, staged, 1, to="Archived", reason="given up").to_stage == "Archived"


def test_changed_ledger_is_found_by_its_seals(staged, desk, callers, place, trail):
    """Whoever writes into the database past its triggers, to take the blame away, is found out; so is a removal."""
    settings, _ = place
    desk.promote(callers["oscar"], staged, 1, to="Archived", reason="given up")
    sources = {"registry": lambda: ledger_records(settings)}
    assert broken_seals(trail, sources) == []
    path = settings.ledger_store_uri.removeprefix("sqlite:///")

    def write(statement):
        database = sqlite3.connect(path)
        with database:
            triggers = database.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
            for name, _sql in triggers:
                database.execute(f"DROP TRIGGER {name}")
            database.execute(statement, (staged,))
            for _name, sql in triggers:
                database.execute(sql)
        database.close()

    write("UPDATE ledger SET who = 'lee' WHERE name = ? AND sequence = 3")
    (said,) = broken_seals(trail, sources)
    assert said.startswith(f"registry {staged} 3 is not as it was: line ")
    write("DELETE FROM ledger WHERE name = ? AND sequence = 3")
    (said,) = broken_seals(trail, sources)
    assert said.startswith(f"registry {staged} 3 is gone: line ")


def test_records_are_sealed_once_and_by_source(tmp_path):
    """A second look seals what is new only; two sources may use the same keys."""
    trail = Trail(tmp_path / "trail.jsonl", key=bytes(32))
    records = {"1": Record("ada", "did it", {"a": 1, "b": 2})}
    assert seal(trail, {"one": lambda: records, "two": lambda: records}) == 2
    records["2"] = Record("bob", "did more", {})
    assert seal(trail, {"one": lambda: records}) == 1
    assert seal(trail, {"one": lambda: records}) == 0
    records["1"] = Record("ada", "did it", {"b": 2, "a": 1})
    assert broken_seals(trail, {"one": lambda: records}) == []


def test_record_sealed_meanwhile_is_not_gone(tmp_path):
    """Written and sealed by another process while this one looks."""
    trail, records = Trail(tmp_path / "trail.jsonl", key=bytes(32)), {"1": Record("ada", "did it", {})}

    def source():
        now = dict(records)
        records["2"] = Record("bob", "did more", {})
        seal(trail, {"one": lambda: records})
        return now

    assert broken_seals(trail, {"one": source}) == []


@pytest.fixture(scope="module")
def server(place, authority, trail):
    settings, _ = place
    desk = Desk(authority, trail, settings=settings)
    app = create_app(
        forest(), settings=settings, access=door(authority, Meter(), witness=trail.add),
        extensions=[desk_routes(desk, authority=authority, trail=trail)],
    )  # fmt: skip
    with serving(app) as served:
        yield served


def test_the_whole_way_over_http(server, authority, place):
    """With a key each, and who acts is who holds the key, whatever the body says."""
    settings, run_id = place
    keys = {name: authority.people.issue(name).text for name in PEOPLE}
    model = f"{server.url}/models/over-http"

    def post(who, path, **body):
        return requests.post(model + path, json=body, headers={"X-API-Key": keys[who]}, timeout=WAIT_S)

    assert post("ada", "/versions", run_id=another(run_id, settings)).json()["version"] == 1
    assert post("ada", "/versions/1/staging", reason="try it").json()["to_stage"] == "Staging"
    early = post("oscar", "/versions/1/production", reason="now")
    assert (early.status_code, "nobody approved it" in early.json()["error"]) == (409, True)
    assert post("ada", "/versions/1/approval", reason="mine").status_code == 403
    assert post("grace", "/versions/1/approval", reason="read the evidence").status_code == 200
    forged = post("oscar", "/versions/1/production", reason="now", by="grace")
    assert (forged.status_code, forged.json()["details"][0]["field"]) == (422, "by")
    done = post("oscar", "/versions/1/production", reason="now").json()
    assert (done["by"], done["approver"], done["champion"]) == ("oscar", "grace", 1)
    assert post("oscar", "/versions/7/archive", reason="now").status_code == 404
    assert post("oscar", "/rollback", reason="now").status_code == 409
    told = requests.get(f"{server.url}/trail", headers={"X-API-Key": keys["anna"]}, timeout=WAIT_S).json()
    assert told["whole"]
    assert ("grace", "approved") in {(line["by"], line["what"]) for line in told["lines"]}


def test_token_over_http_is_shown_once_and_narrow(server, authority, trail):
    """The trail says that it was made, for what, and not what it is."""
    key = authority.people.issue("ada").text
    asked = {"scopes": ["predictions:ask", "documents:read"], "minutes": 5}
    made = requests.post(f"{server.url}/tokens", json=asked, headers={"X-API-Key": key}, timeout=WAIT_S).json()
    headers = {"Authorization": f"Bearer {made['token']}"}
    who = requests.get(f"{server.url}/whoami", headers=headers, timeout=WAIT_S).json()
    assert who == {"person": "ada", "roles": ["scientist"], "scopes": ["documents:read", "predictions:ask"]}
    assert made["token"] not in trail.path.read_text()
    assert trail.lines()[-1].about["scopes"] == ["documents:read", "predictions:ask"]
    refused = requests.post(
        f"{server.url}/tokens", json={"scopes": ["trail:read"]}, headers={"X-API-Key": key}, timeout=9
    )
    assert (refused.status_code, "has no scope trail:read" in refused.json()["error"]) == (403, True)
