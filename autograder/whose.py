"""Which student handed something in: by the roster, by the system that it comes from, by what its manifest claims."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from autograder.archives import Refused
from autograder.exports import Person
from autograder.handed_in_names import Reading, same_name
from autograder.submit import Manifest


@dataclass(frozen=True)
class Student:
    """Whose it is. `account` is set where a learning system knows the sender and only the manifest says the id."""

    id: str
    account: str = ""
    note: str = ""


class Whose:
    """Answers for one roster, or for none: then everybody is a student under the name that a file gives them."""

    def __init__(self, people: dict[str, Person] | None) -> None:
        self._listed = people is not None
        self._ids: dict[str, set[str]] = defaultdict(set)
        self._names: dict[str, set[str]] = defaultdict(set)
        for person in (people or {}).values():
            for text in filter(None, (person.student, person.id, person.email)):
                self._ids[_plain(text)].add(person.student)
            for name in _orders(person.name):
                self._names[name].add(person.student)

    def student(self, readings: Sequence[Reading], manifest: Manifest | None) -> Student:
        """Whose it is; Refused when nothing says so, or two things say otherwise."""
        claimed = unicodedata.normalize("NFC", manifest.student) if manifest else ""
        if not readings and not claimed:
            raise Refused("nothing says whose it is: neither its name nor a manifest")
        return self._in_roster(readings, claimed) if self._listed else _unlisted(readings, claimed)

    def _in_roster(self, readings: Sequence[Reading], claimed: str) -> Student:
        said = [(reading, found) for reading in readings if (found := self._known(reading))]
        students = set[str]().union(*(found for _, found in said))
        claims = self._ids.get(_plain(claimed), set()) if claimed else set()
        if len(students) > 1 and len(students & claims) != 1:
            raise Refused(f"could be {' or '.join(sorted(students))}: {readings[0].who!r} fits both in the roster")
        if len(students) > 1:
            students &= claims
        if not students:
            return _by_claim(readings, claimed, claims)
        (student,) = students
        if not claimed or claims == {student}:
            return Student(student)
        if not any(reading.vouched for reading, _ in said):
            raise Refused(f"its name says {student}, its manifest says {claimed}")
        return Student(student, note=f"its manifest says {claimed}; {said[0][0].kind} says {student}, which counts")

    def _known(self, reading: Reading) -> set[str]:
        by_name = self._names.get(same_name(reading.who), set())
        if reading.kind in ("Canvas", "Moodle"):
            return by_name or self._ids.get(_plain(reading.who), set())
        return self._ids.get(_plain(reading.who), set()) or by_name


def _by_claim(readings: Sequence[Reading], claimed: str, claims: set[str]) -> Student:
    """Somebody whom the roster does not have under the name that the file gives, but perhaps by the manifest."""
    who = " or ".join(
        repr(text) for text in dict.fromkeys([*(reading.who for reading in readings[:1]), claimed]) if text
    )
    if len(claims) != 1:
        raise Refused(f"unknown student: the roster has no {who}")
    (student,) = claims
    account = next((_account(reading) for reading in readings if reading.vouched), "")
    note = f"the roster does not know {readings[0].who!r}: its manifest says {claimed}" if readings else ""
    return Student(student, account, note)


def _unlisted(readings: Sequence[Reading], claimed: str) -> Student:
    """Without a roster: a learning system's user by the manifest's id, else under that system's own name for them."""
    if not readings:
        return Student(claimed)
    reading = next((each for each in readings if each.who == claimed), readings[0])
    if reading.kind in ("Canvas", "Moodle"):
        return Student(claimed, _account(reading)) if claimed else Student(f"{reading.who}_{reading.account}")
    if not claimed or claimed == reading.who:
        return Student(reading.who)
    if reading.vouched:
        return Student(
            reading.who, note=f"its manifest says {claimed}; {reading.kind} says {reading.who}, which counts"
        )
    raise Refused(f"its name says {reading.who}, its manifest says {claimed}")


def _account(reading: Reading) -> str:
    return f"{reading.kind} {reading.who}_{reading.account}"


def _orders(name: str) -> Iterable[str]:
    """The ways in which a system may write a name: family name first or last."""
    words = name.replace(",", " ").split()
    return {same_name(" ".join(words[at:] + words[:at])) for at in range(len(words))}


def _plain(text: str) -> str:
    return unicodedata.normalize("NFC", text).strip().casefold()
