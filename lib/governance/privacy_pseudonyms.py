"""Pseudonyms: the same person is the same word in every table, and only who holds the key can tell which.

    pseudonym = base32(HMAC-SHA256(key, kind ‖ 0 ‖ one spelling of the value))[:26]        (130 bits)

A plain hash is no pseudonym: there are about 10⁹ phone numbers in a country, and all of them are hashed in minutes. The
key is what stops that, and destroying it makes its pseudonyms words without meaning. Source: NIST SP 800-188, RFC 2104.
"""

from __future__ import annotations

import base64
import contextlib
import hmac
import json
import os
import re
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from pydantic import BaseModel, ConfigDict, Field, SecretBytes, ValidationError, model_validator

from lib.errors import PrivacyError
from lib.governance.privacy_find import REGIONS, Finding, one_spelling, replace
from lib.governance.privacy_scan import named_kind

if TYPE_CHECKING:
    import pandas as pd

KEY_BYTES = 32
_DIGITS = 26
_FORM = re.compile(rf"[a-z_]+\.[a-z0-9]{{1,16}}\.[a-z2-7]{{{_DIGITS}}}")


class PseudonymKeys(BaseModel):
    """The keys by their ids; `current` makes new pseudonyms, the others still recognise the old ones.

    Keys show themselves in no repr and no error. Raises pydantic's ValidationError for a key of under 32 bytes.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    current: str
    keys: dict[str, SecretBytes] = Field(min_length=1)

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if self.current not in self.keys:
            raise ValueError(f"the current key {self.current!r} is not among {', '.join(self.keys)}.")
        for name, key in self.keys.items():
            if not re.fullmatch(r"[a-z0-9]{1,16}", name):
                raise ValueError(f"a key is named {name!r}. Use up to 16 small letters and digits, e.g. k1.")
            if len(key.get_secret_value()) < KEY_BYTES:
                raise ValueError(f"key {name} has under {KEY_BYTES} bytes. Let new_keys() draw it.")
        return self

    def rotated(self) -> Self:
        """With a fresh current key; old pseudonyms are still recognised, until `without` their key."""
        number = 1 + max((int(name[1:]) for name in self.keys if re.fullmatch(r"k\d+", name)), default=0)
        return type(self)(current=f"k{number}", keys={**self.keys, f"k{number}": SecretBytes(_fresh())})

    def without(self, name: str) -> Self:
        """Without an old key: nobody can link its pseudonyms to a person any more, not even who holds the others.

        Raises PrivacyError for the current key and for one that is not there.
        """
        if name == self.current or name not in self.keys:
            why = "is the current one: rotate first" if name == self.current else f"is none of {', '.join(self.keys)}"
            raise PrivacyError(f"key {name} cannot be destroyed: it {why}.")
        return type(self)(current=self.current, keys={each: key for each, key in self.keys.items() if each != name})

    def pseudonym(self, value: str, *, kind: str, regions: Sequence[str] = REGIONS) -> str:
        """The pseudonym of a value under the current key; spellings of the same value have the same.

        >>> keys = new_keys()
        >>> keys.pseudonym("Anna@Example.com", kind="email") == keys.pseudonym("anna@example.com ", kind="email")
        True
        """
        return self._made(self.current, one_spelling(value, regions=regions), kind)

    def every_pseudonym(self, value: str, *, kind: str, regions: Sequence[str] = REGIONS) -> frozenset[str]:
        """The pseudonyms of a value under each key that is kept: where it may stand since a rotation."""
        spelt = one_spelling(value, regions=regions)
        return frozenset(self._made(name, spelt, kind) for name in self.keys)

    def _made(self, name: str, spelt: str, kind: str) -> str:
        mac = hmac.digest(self.keys[name].get_secret_value(), f"{kind}\0{spelt}".encode(), "sha256")
        return f"{kind}.{name}.{base64.b32encode(mac).decode().lower()[:_DIGITS]}"


def new_keys() -> PseudonymKeys:
    """One fresh key, called k1."""
    return PseudonymKeys(current="k1", keys={"k1": SecretBytes(_fresh())})


def ensure_keys(path: Path) -> PseudonymKeys:
    """The keys in a file, made where there is none; of several processes that come at once all get the same.

    Raises PrivacyError as `read_keys` does, and when the file cannot be made.
    """
    if not path.exists():
        try:
            with _whole(new_keys(), path) as fresh, contextlib.suppress(FileExistsError):
                path.hardlink_to(fresh)
        except OSError as error:
            raise PrivacyError(
                f"the pseudonym keys {path} cannot be made: {error.strerror}. Make them elsewhere and name that file "
                "(MLOPS_PSEUDONYM_KEYS)."
            ) from error
    return read_keys(path)


def write_keys(keys: PseudonymKeys, path: Path) -> None:
    """Keep the keys in a file that only its owner may read (mode 600); it is whole or not changed at all."""
    with _whole(keys, path) as fresh:
        fresh.replace(path)


def read_keys(path: Path) -> PseudonymKeys:
    """The keys in a file; raises PrivacyError when there are none, or when they are open to everybody."""
    try:
        if path.stat().st_mode & 0o007:
            raise PrivacyError(
                f"{path} is open to everybody on this machine. Run: chmod 600 {path}, and rotate the key."
            )
        content = json.loads(path.read_text("utf-8"))
        keys = {name: SecretBytes(bytes.fromhex(key)) for name, key in content["keys"].items()}
        return PseudonymKeys(current=content["current"], keys=keys)
    except OSError as error:
        raise PrivacyError(f"the pseudonym keys {path} cannot be read: {error.strerror}. Write them first.") from error
    except (ValidationError, ValueError, TypeError, KeyError, AttributeError):
        # The error itself is not told on: it may hold a piece of a key.
        raise PrivacyError(f"{path} holds no pseudonym keys. Write them with write_keys(new_keys(), …).") from None


def is_pseudonym(value: str) -> bool:
    """Whether a value has the form of one.

    >>> is_pseudonym(new_keys().pseudonym("Anna Albers", kind="name")), is_pseudonym("Anna Albers")
    (True, False)
    """
    return _FORM.fullmatch(value) is not None


def pseudonymise_text(text: str, keys: PseudonymKeys, *, regions: Sequence[str] = REGIONS) -> str:
    """`text` with a pseudonym for everything that is found in it; names in prose are not found."""

    def pseudonym(found: Finding) -> str:
        return keys.pseudonym(found.value, kind=found.kind, regions=regions)

    return replace(text, pseudonym, regions=regions)


def pseudonymise_frame(
    frame: pd.DataFrame, keys: PseudonymKeys, *, personal: Iterable[str] = (), regions: Sequence[str] = REGIONS
) -> pd.DataFrame:
    """A copy of `frame` in which whole values of personal columns, and what is found in any text, are pseudonyms.

    Personal are the columns that are named so, and those in `personal`. Missing values stay missing.
    """
    conceal = concealing(keys, personal=personal, regions=regions)
    copy = frame.copy()
    for name in map(str, frame.columns):
        if named_kind(name) or name in frozenset(personal) or frame[name].dtype.kind not in "biufcmM":
            changed = frame[name].dropna().map(lambda value, name=name: conceal({name: value})[name])
            copy[name] = changed.reindex(frame.index)
    return copy


def concealing(
    keys: PseudonymKeys, *, personal: Iterable[str] = (), regions: Sequence[str] = REGIONS
) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """What makes a row fit to be kept, as `create_app(conceal=…)` takes it: pseudonyms for all that is personal.

    Whole values of columns that are named so or are in `personal`; in other texts, what is found in them.
    """
    declared = frozenset(personal)
    kinds: dict[str, str | None] = {}

    def conceal(row: dict[str, Any]) -> dict[str, Any]:
        return {name: _concealed(name, value) for name, value in row.items()}

    def _concealed(name: str, value: Any) -> Any:
        if name not in kinds:
            kinds[name] = named_kind(name) or ("personal" if name in declared else None)
        kind = kinds[name]
        if kind is not None and value is not None and not isinstance(value, bool):
            text = str(value)
            return text if is_pseudonym(text) else keys.pseudonym(text, kind=kind, regions=regions)
        return pseudonymise_text(value, keys, regions=regions) if isinstance(value, str) else value

    return conceal


@contextlib.contextmanager
def _whole(keys: PseudonymKeys, path: Path) -> Iterator[Path]:
    """A file with the keys beside `path`, to be put in its place."""
    content = {"current": keys.current, "keys": {name: key.get_secret_value().hex() for name, key in keys.keys.items()}}
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
            json.dump(content, stream)
        yield fresh
    finally:
        fresh.unlink(missing_ok=True)


def _fresh() -> bytes:
    return secrets.token_bytes(KEY_BYTES)
