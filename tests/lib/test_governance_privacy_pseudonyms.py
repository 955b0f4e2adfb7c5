"""Pseudonyms: the same for the same person, useless without the key, and rotated without losing anybody."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pandas as pd
import pytest
from pydantic import SecretBytes, ValidationError

from lib.errors import PrivacyError
from lib.governance.privacy_find import find
from lib.governance.privacy_pseudonyms import (
    PseudonymKeys,
    concealing,
    is_pseudonym,
    new_keys,
    pseudonymise_frame,
    pseudonymise_text,
    read_keys,
    write_keys,
)
from lib.governance.privacy_scan import scan_frame
from lib.market import FEATURES, PERSONAL, simulate


def test_the_same_value_is_the_same_word_and_another_key_or_kind_another():
    """Tables can still be joined; systems with other keys cannot join theirs."""
    keys, other = new_keys(), new_keys()
    one = keys.pseudonym("0912 345 678", kind="phone")
    assert one == keys.pseudonym("+84 912 345 678", kind="phone")
    assert one != keys.pseudonym("0912 345 679", kind="phone")
    assert one != other.pseudonym("0912 345 678", kind="phone")
    assert one.removeprefix("phone") != keys.pseudonym("0912 345 678", kind="personal").removeprefix("personal")
    assert is_pseudonym(one)
    assert not find(one)


def test_guessing_every_number_finds_a_plain_hash_and_no_pseudonym():
    """The attack of the lab: all numbers of a block, hashed as the table hashed them."""
    secret = "+84912345678"
    block = [f"+849123456{last:02d}" for last in range(100)]
    hashed = hashlib.sha256(secret.encode()).hexdigest()
    assert [each for each in block if hashlib.sha256(each.encode()).hexdigest() == hashed] == [secret]
    keys, guessed = new_keys(), new_keys()
    mine = keys.pseudonym(secret, kind="phone")
    assert not [each for each in block if guessed.pseudonym(each, kind="phone") == mine]


def test_rotation_keeps_everybody_until_the_old_key_is_destroyed():
    """New pseudonyms are made with the new key, old ones still recognised; without its key a pseudonym is nobody's."""
    first = new_keys()
    before = first.pseudonym("a@example.com", kind="email")
    second = first.rotated()
    after = second.pseudonym("a@example.com", kind="email")
    assert second.current == "k2"
    assert second.every_pseudonym("a@example.com", kind="email") == {before, after}
    assert second.without("k1").every_pseudonym("a@example.com", kind="email") == {after}
    with pytest.raises(PrivacyError, match="rotate first"):
        second.without("k2")
    with pytest.raises(PrivacyError, match="none of k1, k2"):
        second.without("k9")
    assert second.rotated().current == "k3"


def test_keys_are_kept_for_their_owner_alone_and_shown_nowhere(tmp_path):
    """A file of mode 600, no key in a repr or an error; a file that everybody may read is refused."""
    keys, path = new_keys().rotated(), tmp_path / "keys" / "pseudonyms.json"
    write_keys(keys, path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert read_keys(path) == keys
    assert [each.name for each in path.parent.iterdir()] == ["pseudonyms.json"]
    raw = keys.keys["k1"].get_secret_value()
    for shown in (repr(keys), str(keys), keys.model_dump_json()):
        assert raw.hex() not in shown
        assert repr(raw)[2:-1] not in shown
    path.chmod(0o644)
    with pytest.raises(PrivacyError, match="chmod 600"):
        read_keys(path)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        '{"current": "k1"}',
        '{"current": "k1", "keys": {"k1": "5ec2e7"}}',
        '{"current": "k2", "keys": {"k1": "' + "ab" * 32 + '"}}',
    ],
)
def test_a_file_without_sound_keys_is_refused_and_not_quoted(tmp_path, content):
    """Damaged, too short, or without its current key."""
    path = tmp_path / "keys.json"
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(PrivacyError, match="holds no pseudonym keys") as raised:
        read_keys(path)
    assert "5ec2e7" not in str(raised.value)
    assert "ab" * 8 not in repr(raised.value.__cause__)


def test_a_short_or_misnamed_key_is_no_key():
    """32 bytes at least, and a name that fits into a pseudonym."""
    with pytest.raises(ValidationError, match="under 32 bytes") as raised:
        PseudonymKeys(current="k1", keys={"k1": SecretBytes(b"tooshortsecret")})
    assert "tooshort" not in str(raised.value)
    with pytest.raises(ValidationError, match="small letters"):
        PseudonymKeys(current="K.1", keys={"K.1": SecretBytes(b"x" * 32)})
    with pytest.raises(PrivacyError, match="Write them first"):
        read_keys(Path("nowhere.json"))


def test_a_frame_keeps_its_houses_and_loses_its_people():
    """Features and joins stay; nothing personal is found any more, and no name of a declared column is left."""
    houses, keys = simulate("personal", rows=200, seed=5).houses, new_keys()
    personal = [column.name for column in PERSONAL.columns if column.personal and column.name != "remarks"]
    safe = pseudonymise_frame(houses, keys, personal=personal)
    pd.testing.assert_frame_equal(safe[list(FEATURES)], houses[list(FEATURES)])
    assert [each for each in scan_frame(safe) if each.by == "content"] == []
    assert safe["seller_email"].map(is_pseudonym).all()
    assert not set(houses["seller_name"]) & set(safe["seller_name"])
    same = houses["seller_email"].to_numpy()[:, None] == houses["seller_email"].to_numpy()[None, :]
    assert ((safe["seller_email"].to_numpy()[:, None] == safe["seller_email"].to_numpy()[None, :]) == same).all()
    assert houses["seller_email"].str.contains("@").all()  # the frame that was given is not touched


def test_text_keeps_its_words():
    """Only what was found becomes a pseudonym."""
    safe = pseudonymise_text("Write to a@example.com for the plan.", new_keys())
    assert safe.startswith("Write to email.k1.")
    assert safe.endswith(" for the plan.")


def test_a_row_is_concealed_by_name_by_declaration_and_by_content():
    """Numbers and words of a model's inputs are left as they are; a pseudonym is not concealed again."""
    keys = new_keys()
    conceal = concealing(keys, personal=["told_us"])
    row = {
        "area_m2": 80.0, "district": "Altstadt", "has_garden": True, "seller_phone": 912345678, "told_us": "Anna",
        "remarks": "ring 0912 345 678", "seller_email": None,
    }  # fmt: skip
    safe = conceal(row)
    assert {name: safe[name] for name in ("area_m2", "district", "has_garden", "seller_email")} == {
        "area_m2": 80.0, "district": "Altstadt", "has_garden": True, "seller_email": None,
    }  # fmt: skip
    assert safe["told_us"] == keys.pseudonym("anna", kind="personal")
    assert safe["remarks"] == f"ring {keys.pseudonym('+84912345678', kind='phone')}"
    assert is_pseudonym(safe["seller_phone"])
    assert conceal(safe) == safe
