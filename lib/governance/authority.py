"""Who a credential belongs to and what they may with it now: keys, and tokens that may do less than their owner."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from lib.errors import AccessError, BadCredential
from lib.governance.people import PREFIX, Key, People
from lib.governance.roles import may, permissions
from lib.governance.secret_file import read_secret

ISSUER = "mlops-workbook"
ALGORITHM = "HS256"
TOKEN_MINUTES = 60.0
_UNKNOWN = "this credential is not known here"


@dataclass(frozen=True)
class Caller:
    """Whoever showed a good credential; `scopes` bound what a token may, None for a key."""

    person: str
    roles: frozenset[str]
    key_id: str
    scopes: frozenset[str] | None = None

    def may(self, permission: str) -> bool:
        """By a role that they have, and within the scopes of their token."""
        return may(self.roles, permission) and (self.scopes is None or permission in self.scopes)

    def refusal(self, permission: str) -> str | None:
        """Why they may not, None when they may."""
        if self.may(permission):
            return None
        who = " and ".join(sorted(self.roles)) or "nobody of any role"
        bound = "" if self.scopes is None else f", with a token for {', '.join(sorted(self.scopes))}"
        return f"{self.person} is {who}{bound}, and this needs {permission}"


class Authority:
    """Answers from the file of `people` each time, so that a role or a key that is taken away is gone at once."""

    def __init__(
        self, people: People, *, signing_key: bytes, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self.people = people
        self._signing_key, self._clock = signing_key, clock

    def identify(self, credential: str) -> Caller:
        """The caller behind a key or a token; raises BadCredential, which says no more than its owner should know."""
        if not credential.isascii():
            raise BadCredential(_UNKNOWN)
        scopes: frozenset[str] | None = None
        if credential.startswith(f"{PREFIX}_"):
            key = self.people.recognise(credential)
            if key is None:
                raise BadCredential(_UNKNOWN)
        else:
            key, scopes = self._read_token(credential)
        return self._caller(key, scopes)

    def renewed(self, caller: Caller) -> Caller:
        """The caller as they are now; raises BadCredential when their key has ended since."""
        return self._caller(self.people.key(caller.key_id), caller.scopes)

    def token(self, caller: Caller, scopes: Iterable[str], *, minutes: float = TOKEN_MINUTES) -> str:
        """A signed token (JWT) that may `scopes` and no more, for at most an hour; a token cannot make another.

        It ends with the key that it was made with. Raises AccessError for a scope that its owner does not have.
        """
        import jwt

        now, wanted = self._clock(), frozenset(scopes)
        beyond = sorted(scope for scope in wanted if not caller.may(scope))
        if caller.scopes is not None:
            raise AccessError("a token was made with a token. Show the key.")
        if not wanted or beyond:
            has = ", ".join(sorted(filter(caller.may, permissions())))
            raise AccessError(f"{caller.person} has no scope {', '.join(beyond) or '(none was named)'}, but: {has}.")
        if not 0 < minutes <= TOKEN_MINUTES:
            raise AccessError(f"a token is for up to {TOKEN_MINUTES:g} minutes, and not for {minutes:g}.")
        claims = {
            "iss": ISSUER, "sub": caller.person, "key": caller.key_id, "scope": " ".join(sorted(wanted)), "iat": now,
            "exp": now + timedelta(minutes=minutes),
        }  # fmt: skip
        return jwt.encode(claims, self._signing_key, algorithm=ALGORITHM)

    def _caller(self, key: Key, scopes: frozenset[str] | None) -> Caller:
        refusal = key.refusal(self._clock())
        if refusal:
            raise BadCredential(f"key {key.id} {refusal}; ask for a new one", key_id=key.id)
        person = self.people.person(key.person)
        return Caller(key.person, person.roles if person else frozenset(), key.id, scopes)

    def _read_token(self, text: str) -> tuple[Key, frozenset[str]]:
        import jwt

        try:
            # The time is compared below, by the clock that was given; the algorithm is ours, whatever the token says.
            claims: dict[str, Any] = jwt.decode(
                text, self._signing_key, algorithms=[ALGORITHM], issuer=ISSUER,
                options={"require": ["iss", "sub", "key", "scope", "iat", "exp"], "verify_exp": False,
                         "verify_iat": False},
            )  # fmt: skip
            key = self.people.key(claims["key"])
        except (jwt.InvalidTokenError, AccessError):
            raise BadCredential(_UNKNOWN) from None
        if self._clock() >= datetime.fromtimestamp(claims["exp"], UTC):
            raise BadCredential("the token has expired; make another with your key", key_id=key.id)
        return key, frozenset(claims["scope"].split())


def open_authority(folder: Path, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> Authority:
    """The authority whose people and signing key lie in `folder`; both are made when they are not there."""
    people = People(folder / "access.db", clock=clock)
    return Authority(people, signing_key=read_secret(folder / "token.key"), clock=clock)
