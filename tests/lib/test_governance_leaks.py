"""No secret in this repository: not in a file, a notebook's output or any commit; and each kind is found."""

from __future__ import annotations

import base64
import json
import random
import secrets
import string
import subprocess
from pathlib import Path

import jwt
import pytest

from lib.governance.leaks import SHAPES, find_leaks
from lib.governance.people import People

ROOT = Path(__file__).parents[2]
# What looks like a secret and is none, by its first letters, with the reason.
ALLOWED = {
    "aca67b": "the tests draw hidden inputs from it, the same ones at each run",
}


DRAWN = random.Random(0)


def random_text(letters, count):
    """Drawn, so that no secret stands in this file either; with a digit, as nearly every one has."""
    return "7" + "".join(DRAWN.choices(letters, k=count - 1))


def examples(folder):
    """One of each kind, in the words in which it is left lying about."""
    people = People(folder / "access.db")
    people.put("ada", ["learner"])
    key = people.issue("ada").text
    people.close()
    plain, upper = string.ascii_letters + string.digits, string.ascii_uppercase + string.digits
    pem = base64.encodebytes(secrets.token_bytes(200)).decode()
    return {
        "a key of the model server": f"curl -H 'X-API-Key: {key}' http://127.0.0.1:8000/metrics",
        "a signed token": f"Bearer {jwt.encode({'sub': 'ada'}, secrets.token_bytes(32), algorithm='HS256')}",
        "a private key": f"-----BEGIN EC PRIVATE KEY-----\n{pem}",
        "an AWS key": f"aws_access_key_id={'AKIA'}{random_text(upper, 16)}",
        "a GitHub token": f"https://x:{'ghp_'}{random_text(plain, 36)}\n",
        "a Slack token": f"xox{'b'}-{random_text(plain, 24)}",
        "a Google key": f"?key=AIz{'a'}{random_text(plain, 35)}",
        "a password in an address": f"postgresql://mlops:{random_text(plain, 24)}@postgres/ledger",
        "an assigned secret": f"DB_PASSWORD = '{random_text(plain, 24)}'",
    }


def test_each_kind_is_found_in_text_and_in_a_notebook_and_not_repeated(tmp_path):
    """In the right line, also in a notebook's output; the report has a few letters of it and no more."""
    found = examples(tmp_path)
    assert set(found) == set(SHAPES)
    for kind, text in found.items():
        leaks = [leak for leak in find_leaks(f"one\ntwo\n{text}\nfour") if leak.kind == kind]
        assert [leak.line for leak in leaks] == [3], kind
        assert leaks[0].value not in str(leaks) + repr(leaks[0])
        notebook = {"cells": [{"outputs": [{"text": [f"{text}\n"]}]}]}
        if kind not in ("a private key", "an assigned secret"):  # their line ends and quotes are escaped there
            assert kind in {leak.kind for leak in find_leaks(json.dumps(notebook))}


@pytest.mark.parametrize(
    ("before", "letters", "count", "after"),
    [
        (f"{'AKIA'}", string.ascii_uppercase + string.digits, 16, ""),
        *[("postgresql://mlops:", string.ascii_letters + string.digits, count, "@db/ledger") for count in (8, 12, 16)],
    ],
)
def test_nearly_every_short_secret_is_found(before, letters, count, after):
    """Chance gives some of them few different letters."""
    drawn = [before + random_text(letters, count) + after for _ in range(2_000)]
    assert len(list(find_leaks("\n".join(drawn)))) >= 1_998


@pytest.mark.parametrize(
    "text",
    [
        "password = 'change-me-change-me-change-me'",
        "redis://:${REDIS_PASSWORD}@redis:6379",
        "postgresql://user:aaaaaaaaaaaaaaaa@host/db",
        "postgresql://user:xxxxxxx1@host/db",
        "token = read_secret(folder / 'token.key')",
        "-----BEGIN PRIVATE KEY-----\n(yours)",
        f"mlops_key_00000000_{'x' * 43}",
        f"{'AKIA'}{'X' * 12}7890",
        "sha256:" + "0123456789abcdef" * 4,
    ],
)
def test_placeholders_are_none(text):
    """What documentation says in place of a secret."""
    assert list(find_leaks(text)) == []


def test_no_secret_in_any_file_or_commit():
    """Every line of every text file as it is now, and of every version in the history that this clone has."""
    lines: dict[bytes, None] = {}
    for name in _git("ls-files", "-z", "--cached", "--others", "--exclude-standard").split(b"\0"):
        path = ROOT / name.decode()
        if name and path.is_file() and not path.is_symlink():
            lines |= _lines(path.read_bytes())
    here = len(lines)
    for blob in _history():
        lines |= _lines(blob)
    assert here > 10_000
    leaks = list(find_leaks(b"\n".join(lines).decode("utf-8", "replace")))
    assert [leak for leak in leaks if leak.value[:6] not in ALLOWED] == []
    assert {leak.value[:6] for leak in leaks} == set(ALLOWED), "an exception is for something that is there"


def _lines(content):
    """Each line once, in order; nothing of a picture or an archive."""
    return {} if b"\0" in content[:8000] else dict.fromkeys(content.split(b"\n"))


def _history():
    """The content of every file that ever was, on the way to where we are."""
    told = _git("cat-file", "--batch", given=_git("rev-list", "--objects", "--no-object-names", "HEAD"))
    start = 0
    while start < len(told):
        end = told.index(b"\n", start)
        _name, kind, size = told[start:end].split()
        start = end + 1 + int(size) + 1
        if kind == b"blob":
            yield told[end + 1 : start - 1]


def _git(*words, given=None):
    return subprocess.run(["git", *words], cwd=ROOT, input=given, capture_output=True, check=True).stdout
