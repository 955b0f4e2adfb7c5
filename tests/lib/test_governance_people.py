"""People, roles, keys and tokens: what opens, what opens no more, and that nothing of a key is kept."""

from __future__ import annotations

import hmac
import os
import re
import shutil
import sqlite3
import stat
import threading
from datetime import UTC, datetime, timedelta

import jwt
import pytest

from lib.errors import AccessError, BadCredential
from lib.governance import people as module
from lib.governance.authority import open_authority
from lib.governance.people import PREFIX, People
from lib.governance.roles import decisions, may, permissions
from lib.governance.routes import OPEN, ROUTES
from lib.governance.secret_file import read_secret

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


class Clock:
    def __init__(self):
        self.now = NOW

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def authority(tmp_path, clock):
    found = open_authority(tmp_path, clock=clock)
    found.people.put("ada", ["scientist"])
    yield found
    found.people.close()


def test_duties_are_apart():
    """No role both stages and approves, approves and releases, or changes anything and reads the trail."""
    pairs = [
        ("models:stage", "models:approve"),
        ("models:approve", "models:release"),
        ("models:stage", "models:release"),
    ]
    pairs += [("trail:read", each) for each in permissions() if not each.endswith((":read", ":make"))]
    assert [(role, pair) for role in decisions() for pair in pairs if all(may([role], each) for each in pair)] == []
    assert tuple(decisions()) == ("learner", "scientist", "reviewer", "operator", "auditor")


def test_every_permission_of_a_route_is_somebody_s_and_the_other_way_round():
    """A permission misspelt in the table of routes would lock everybody out; one that opens nothing misleads."""
    assert set(ROUTES.values()) - {OPEN} == permissions()


@pytest.mark.parametrize("asked", ["", "predictions", "predictions:", ":ask", "predictions:ask:more", "*", "p:*"])
def test_what_no_line_allows_is_refused(asked):
    """Deny by default: odd permissions, no role, an unknown role."""
    assert not may(decisions(), asked)
    assert not may([], "predictions:ask")
    assert not may(["admin", "Learner", "*"], "predictions:ask")


def test_key_opens_for_its_owner_and_is_not_kept(authority, tmp_path):
    """The digest alone lies on the disk, and the key's own text in no representation of it."""
    new = authority.people.issue("ada")
    caller = authority.identify(new.text)
    assert (caller.person, caller.roles, caller.scopes) == ("ada", {"scientist"}, None)
    secret = new.text.partition(f"{new.id}_")[2]  # it may hold a _ of its own
    assert len(secret) > 30
    assert secret not in repr(new)
    written = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert new.id.encode() in written
    assert secret.encode() not in written


def test_files_are_their_owner_s_alone(authority, tmp_path):
    """Neither the digests nor the signing key can be read by another user of the machine."""
    authority.people.issue("ada")
    assert {path.name: stat.filemode(path.stat().st_mode)[4:] for path in tmp_path.iterdir()} == dict.fromkeys(
        [path.name for path in tmp_path.iterdir()], "------"
    )


def test_nearly_right_key_opens_nothing(authority):
    """One letter, another's id, an unknown id, parts and nothing: all the same to whoever tries."""
    first, second = authority.people.issue("ada").text, authority.people.issue("ada").text
    head, secret = first[:19], first[19:]
    turned = "a" if first[-1] != "a" else "b"
    tries = [
        first[:-1] + turned, first[:-1], f"{first} ", second[:19] + first[19:], f"{module.PREFIX}_00000000_{secret}",
        f"{first}\udcff", module.PREFIX, f"{module.PREFIX}_", head, secret, "", "ada", "ключ", "\udcff",
    ]  # fmt: skip
    said = set()
    for text in tries:
        with pytest.raises(BadCredential) as caught:
            authority.identify(text)
        said.add(str(caught.value))
    assert said == {"this credential is not known here"}


def test_digests_are_compared_in_constant_time(authority, monkeypatch):
    """Right, wrong and unknown keys all go through hmac.compare_digest, with digests of the same length."""
    seen = []

    def compare(one, other):
        seen.append((len(one), len(other)))
        return hmac.compare_digest(one, other)

    monkeypatch.setattr(module, "hmac", type("Watched", (), {"compare_digest": staticmethod(compare)}))
    text = authority.people.issue("ada").text
    for each in (text, f"{text}x", f"{module.PREFIX}_00000000_x"):
        authority.people.recognise(each)
    assert seen == [(32, 32)] * 3


def test_unknown_id_opens_nothing_even_with_the_digest_that_stands_in(authority, monkeypatch):
    """The 32 zero bytes that an unknown id is compared with belong to nobody."""
    monkeypatch.setattr(module, "_digest", lambda _text: bytes(32))
    assert authority.people.recognise(f"{module.PREFIX}_00000000_x") is None


def test_key_ends_by_itself_by_revocation_and_by_rotation(authority, clock):
    """Each at once, with the reason; a rotated key's successor opens, and nothing dead can be rotated."""
    people = authority.people
    short, lost, old = people.issue("ada", days=1), people.issue("ada"), people.issue("ada")
    assert people.revoke(lost.id).revoked == NOW
    new = people.rotate(old.id)
    clock.now += timedelta(days=1)
    for key, word in ((short, "expired"), (lost, "revoked"), (old, "revoked")):
        with pytest.raises(BadCredential, match=f"key {key.id} (was )?{word}") as caught:
            authority.identify(key.text)
        assert caught.value.key_id == key.id
        with pytest.raises(AccessError, match="cannot be rotated"):
            people.rotate(key.id)
    assert authority.identify(new.text).person == "ada"
    assert people.revoke(lost.id).revoked == NOW, "the first time counts"


def test_another_process_s_revocation_counts_at_the_next_request(authority, tmp_path):
    """Whoever has the file open elsewhere is believed at once: nothing is cached."""
    new = authority.people.issue("ada")
    assert authority.identify(new.text).may("models:stage")
    elsewhere = People(tmp_path / "access.db")
    elsewhere.put("ada", ["learner"])
    assert not authority.identify(new.text).may("models:stage")
    elsewhere.put("ada", [])
    assert not any(authority.identify(new.text).may(each) for each in permissions())
    elsewhere.revoke(new.id)
    with pytest.raises(BadCredential):
        authority.identify(new.text)
    elsewhere.close()


def test_token_may_no_more_than_its_scopes_and_its_owner(authority):
    """Scopes bound it, the owner's roles bound it as they are now, and it ends with its key."""
    new = authority.people.issue("ada")
    token = authority.token(authority.identify(new.text), ["predictions:ask", "models:stage"])
    caller = authority.identify(token)
    assert {each for each in permissions() if caller.may(each)} == {"predictions:ask", "models:stage"}
    authority.people.put("ada", ["learner"])
    assert {each for each in permissions() if authority.identify(token).may(each)} == {"predictions:ask"}
    authority.people.revoke(new.id)
    with pytest.raises(BadCredential, match="revoked"):
        authority.identify(token)


def test_token_expires_within_the_hour(authority, clock):
    """By the clock of the server; a longer one is not made."""
    key = authority.people.issue("ada").text
    token = authority.token(authority.identify(key), ["predictions:ask"], minutes=5)
    clock.now += timedelta(minutes=5)
    with pytest.raises(BadCredential, match="token has expired"):
        authority.identify(token)
    with pytest.raises(AccessError, match="up to 60 minutes"):
        authority.token(authority.identify(key), ["predictions:ask"], minutes=61)


def test_token_is_made_by_a_key_for_scopes_that_its_owner_has(authority):
    """None for a release by a scientist, none for nothing, none by a token."""
    key = authority.people.issue("ada").text
    for scopes, words in ((["models:release"], "has no scope models:release"), ([], "none was named")):
        with pytest.raises(AccessError, match=words):
            authority.token(authority.identify(key), scopes)
    by_token = authority.identify(authority.token(authority.identify(key), ["predictions:ask", "tokens:make"]))
    with pytest.raises(AccessError, match="with a token"):
        authority.token(by_token, ["predictions:ask"])


def test_forged_tokens_open_nothing(authority):
    """Unsigned, signed with another key or algorithm, of another issuer, short of a claim, or changed."""
    new = authority.people.issue("ada")
    good = authority.token(authority.identify(new.text), ["predictions:ask"])
    claims = jwt.decode(good, options={"verify_signature": False})
    ours, head, body = authority._signing_key, *good.split(".")[:2]
    wider = jwt.encode({**claims, "scope": "models:release"}, bytes(32), algorithm="HS256").split(".")[1]
    forged = [
        jwt.encode(claims, None, algorithm="none"), jwt.encode(claims, b"x" * 32, algorithm="HS256"),
        jwt.encode(claims, ours * 2, algorithm="HS512"), jwt.encode({**claims, "iss": "x"}, ours, algorithm="HS256"),
        jwt.encode({**claims, "key": "00000000"}, ours, algorithm="HS256"),
        f"{head}.{wider}.{good.split('.')[2]}", f"{head}.{body}.", good[:-4],
    ]  # fmt: skip
    for name in claims:
        less = {each: value for each, value in claims.items() if each != name}
        forged.append(jwt.encode(less, ours, algorithm="HS256"))
    for token in forged:
        with pytest.raises(BadCredential, match="not known here"):
            authority.identify(token)
    assert authority.identify(good).person == "ada"


def test_careless_gifts_are_refused(authority):
    """An unknown role, a nameless person, a key for nobody or for no time, a key that is not there."""
    people = authority.people
    for give, words in (
        (lambda: people.put("bob", ["admin"]), "no role is named admin. The roles are learner, "),
        (lambda: people.put(" ", ["learner"]), "a person has a name"),
        (lambda: people.issue("bob"), "nobody is known as 'bob'"),
        (lambda: people.issue("ada", days=0), "a key is for some days"),
        (lambda: people.issue("ada", days=float("nan")), "a key is for some days"),
        (lambda: people.revoke("nothing"), "there is no key 'nothing'"),
    ):
        with pytest.raises(AccessError, match=words):
            give()
    assert people.person("bob") is None


def test_secret_is_drawn_once_whoever_asks_first(tmp_path):
    """Several at once get the same one; a file that others may read, or that holds anything else, is refused."""
    path, found = tmp_path / "deep" / "secret", []
    threads = [threading.Thread(target=lambda: found.append(read_secret(path))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1
    assert [each.name for each in path.parent.iterdir()] == ["secret"]
    path.chmod(0o640)
    with pytest.raises(AccessError, match="chmod 600"):
        read_secret(path)
    path.chmod(0o600)
    path.write_text("short")
    with pytest.raises(AccessError, match="does not hold 32 bytes"):
        read_secret(path)


def test_people_that_are_given_are_read_and_read_anew(tmp_path, monkeypatch):
    """As a Secret is: nothing is written beside it, what is put in its place counts at once, and nobody is added."""
    made, given = People(tmp_path / "made" / "access.db"), tmp_path / "given" / "access.db"
    made.put("ada", ["learner"])
    first = made.issue("ada").text

    def put_there():
        made.close()
        given.parent.mkdir(exist_ok=True)
        shutil.copy(tmp_path / "made" / "access.db", given.with_name("next"))
        given.with_name("next").replace(given)

    put_there()
    writable = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: path != given.parent and writable(path, mode))
    people = People(given)
    assert people.recognise(first).person == "ada"
    with pytest.raises(AccessError, match="lies where nothing may be written"):
        people.put("eve", ["operator"])
    made = People(tmp_path / "made" / "access.db")
    made.revoke(made.recognise(first).id)
    put_there()
    assert people.recognise(first).revoked is not None
    assert [path.name for path in given.parent.iterdir()] == ["access.db"]
    people.close()


def test_a_drawn_key_is_adopted_and_stays_who_it_is(authority):
    """Again, it lasts longer; for somebody else, as another text with its id, or as no key at all, it is refused."""
    text, people = f"{PREFIX}_0123abcd_{'x' * 43}", authority.people
    people.put("prometheus", ["auditor"])
    first = people.adopt("prometheus", text, days=1)
    assert authority.identify(text).person == "prometheus"
    assert people.adopt("prometheus", text, days=2).expires - first.expires > timedelta(hours=23)
    for person, other in (
        ("ada", text),
        ("prometheus", f"{PREFIX}_0123abcd_{'y' * 43}"),
        ("prometheus", "mlops_key_1"),
    ):
        with pytest.raises(AccessError, match=r"Draw a new text|that text is no key"):
            people.adopt(person, other)
    people.revoke(first.id)
    people.adopt("prometheus", text)
    with pytest.raises(BadCredential, match="revoked"):
        authority.identify(text)


def test_a_secret_that_was_handed_out_may_be_read_by_our_group(tmp_path, monkeypatch):
    """Its owner is another, as with a Secret of Kubernetes; what our group may write to or all may read is refused."""
    path = tmp_path / "secret"
    read_secret(path)
    monkeypatch.setattr(os, "geteuid", lambda: path.stat().st_uid + 1)
    path.chmod(0o440)
    assert len(read_secret(path)) == 32
    for mode in (0o460, 0o444):
        path.chmod(mode)
        with pytest.raises(AccessError, match="chmod 600"):
            read_secret(path)


def test_file_of_people_is_readable_by_any_tool(authority, tmp_path):
    """Plain SQLite, for whoever must look without this code."""
    authority.people.issue("ada")
    with sqlite3.connect(f"file:{tmp_path / 'access.db'}?mode=ro", uri=True) as database:
        ((person, kind),) = database.execute("SELECT person, typeof(digest) FROM keys").fetchall()
    database.close()
    assert (person, kind) == ("ada", "blob")
    assert re.fullmatch(r"[0-9a-f]{8}", authority.people.keys("ada")[0].id)
