"""Puts what a class handed in where `grade` takes it: for each student the newest attempt, earlier ones beside it."""

from __future__ import annotations

import datetime as dt
import hashlib
import shutil
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import AwareDatetime, ValidationError

from autograder.archives import Refused
from autograder.build import load_lab
from autograder.course import Course
from autograder.errors import GraderError
from autograder.exports import Person, write_csv
from autograder.handed_in import Found, NotTaken, find_handed_in
from autograder.handed_in_names import Reading
from autograder.models import Record
from autograder.readable import readable
from autograder.students import student_ids
from autograder.whose import Student, Whose

ATTEMPTS = "collected.json"
EARLIER = "earlier"


class Attempt(Record):
    """One notebook of a student: where it came from, and when; `sha256` names its content.

    `clock` says whose time `handed_in` is: that of nbgrader's exchange, the student's own when it was packed, the
    file's, or that of an archive's download, which comes later. `counts_as` is the time that the late policy goes by.
    `serial` is Canvas' number of the upload: it tells the order where times do not. For `account` see `Student`.
    """

    place: str
    sha256: str
    handed_in: AwareDatetime
    clock: Literal["exchange", "packed", "file", "download"]
    counts_as: AwareDatetime
    serial: int = 0
    account: str = ""
    note: str = ""


class Attempts(Record):
    """A student's attempts at a module, the one that counts first."""

    attempts: tuple[Attempt, ...] = ()


@dataclass(frozen=True)
class Collected:
    """What lies in a folder of submissions now, by student and module, and what was not taken this time."""

    attempts: dict[tuple[str, str], tuple[Attempt, ...]]
    not_taken: tuple[NotTaken, ...]


def collect(course: Course, sources: Sequence[Path], out: Path, people: dict[str, Person] | None = None) -> Collected:
    """Collect `sources` into `out`, where earlier collections may lie: `out/<student>/<module>/<module>.ipynb`.

    Of several attempts the newest counts, the others are kept in `earlier/` beside it. With the `people` of a roster,
    only they are students. What is not taken stops nothing: `out/collected.csv` lists it with its reason.
    """
    labs = [load_lab(course, module.id) for module in course.modules]
    if out.resolve() in {source.resolve() for source in sources}:
        raise GraderError(f"{out} is to be collected into itself; name another folder with --out")
    whose, spool = Whose(people), out / ".collecting"
    not_taken: list[NotTaken] = []
    found: list[tuple[Student, str, Attempt]] = []
    try:
        spool.mkdir(parents=True, exist_ok=True)
        for each in find_handed_in(sources, labs, leave_out=out):
            try:
                if isinstance(each, NotTaken):
                    not_taken.append(each)
                    continue
                student = whose.student(each.readings, each.manifest)
                attempt = _attempt(course, each, student)
                (spool / attempt.sha256).write_bytes(each.content)
                found.append((student, each.module, attempt))
            except Refused as reason:
                not_taken.append(NotTaken(each.place, str(reason)))
        ids = student_ids(list({student.id for student, _, _ in found}))
        groups: dict[tuple[str, str], list[Attempt]] = defaultdict(list)
        for student, module, attempt in found:
            groups[ids[student.id], module].append(attempt)
        for (name, module), attempts in sorted(groups.items()):
            not_taken += _settle(out / name / module, attempts, spool)
    finally:
        shutil.rmtree(spool, ignore_errors=True)
    collected = Collected(_lying_in(course, out), tuple(not_taken))
    write_csv(out / "collected.csv", _rows(collected))
    return collected


def _attempt(course: Course, found: Found, student: Student) -> Attempt:
    surest = found.readings[0] if found.readings else Reading("name", student.id)
    handed_in, clock = _time(found, surest)
    due, policy = course[found.module].due, course.late_policy(found.module)
    counts_as, note = handed_in, student.note
    if due and surest.late:
        just_late = due + dt.timedelta(minutes=policy.grace_minutes, seconds=1)
        counts_as = max(handed_in, just_late) if clock == "packed" else just_late
        note = "; ".join(filter(None, [note, "Canvas marks it late and does not say by how much"]))
    elif due and clock == "download":
        counts_as = min(handed_in, due)
    return Attempt(
        place=readable(found.place, 500),
        sha256=hashlib.sha256(found.content).hexdigest(),
        handed_in=handed_in,
        clock=clock,
        counts_as=counts_as,
        serial=surest.serial,
        account=student.account,
        note=readable(note, 500),
    )


def _time(found: Found, surest: Reading) -> tuple[dt.datetime, Literal["exchange", "packed", "file", "download"]]:
    if surest.when:
        return surest.when, "exchange"
    if found.manifest:
        return found.manifest.time, "packed"
    # What unpacks an archive gives its files the archive's times.
    own = found.kept and surest.kind not in ("Canvas", "Moodle")
    return found.written or dt.datetime(1980, 1, 1, tzinfo=dt.UTC), "file" if own else "download"


def _settle(folder: Path, new: list[Attempt], spool: Path) -> Iterator[NotTaken]:
    """Put the newest of all attempts into `folder`, and the others beside it; each file is written at once."""
    there = _there(folder)
    taken, refused = _rightful(there, new)
    yield from refused
    attempts = sorted(_merged([*there, *taken]), key=_order(there + taken), reverse=True)
    if not attempts:
        return
    notebook, earlier = folder / f"{folder.name}.ipynb", folder / EARLIER
    for attempt in attempts[1:]:
        _write(earlier / f"{attempt.sha256}.ipynb", _content(attempt, notebook, spool))
    first = attempts[0]
    _write(notebook, _content(first, notebook, spool))
    _write(folder / "timestamp.txt", f"{first.counts_as.astimezone(dt.UTC):%Y-%m-%d %H:%M:%S.%f} UTC\n".encode())
    _write(folder / ATTEMPTS, Attempts(attempts=tuple(attempts)).model_dump_json(indent=1).encode() + b"\n")
    (earlier / f"{first.sha256}.ipynb").unlink(missing_ok=True)


def _there(folder: Path) -> list[Attempt]:
    """The attempts that lie in `folder`, a notebook that somebody put or mended there by hand among them."""
    notebook = folder / f"{folder.name}.ipynb"
    try:
        known = Attempts.model_validate_json((folder / ATTEMPTS).read_bytes()).attempts
    except FileNotFoundError:
        known = ()
    except ValidationError as error:
        raise GraderError(f"{folder / ATTEMPTS} is damaged ({error.errors()[0]['msg']}); move {folder} away") from error
    if not notebook.is_file():
        return [each for each in known if (folder / EARLIER / f"{each.sha256}.ipynb").is_file()]
    digest = hashlib.sha256(notebook.read_bytes()).hexdigest()
    if any(each.sha256 == digest for each in known):
        return list(known)
    at = dt.datetime.fromtimestamp(notebook.stat().st_mtime, dt.UTC)
    account = known[0].account if known else ""
    by_hand = Attempt(place="was there", sha256=digest, handed_in=at, clock="file", counts_as=at, account=account)
    return [by_hand, *(each for each in known if (folder / EARLIER / f"{each.sha256}.ipynb").is_file())]


def _rightful(there: list[Attempt], new: list[Attempt]) -> tuple[list[Attempt], list[NotTaken]]:
    """Of `new` what one sender handed in: where only manifests say the id, two accounts may not share it."""
    known = {attempt.account for attempt in there}
    accounts = known or {attempt.account for attempt in new}
    if "" in {attempt.account for attempt in new} | known:
        accounts = {""}
    if len(accounts) == 1:
        reason = f"its manifest claims the id of another: {next(iter(accounts)) or 'somebody who is known by it'}"
        return (
            [attempt for attempt in new if attempt.account in accounts],
            [NotTaken(attempt.place, reason) for attempt in new if attempt.account not in accounts],
        )
    reason = f"several hand in under one id ({', '.join(sorted(accounts))}): a roster would tell who it is"
    return [], [NotTaken(attempt.place, reason) for attempt in new]


def _merged(attempts: list[Attempt]) -> list[Attempt]:
    """One attempt for each content: the newest, which counts as handed in when it first was."""
    merged: dict[str, Attempt] = {}
    for attempt in sorted(attempts, key=_order(attempts)):
        before = merged.get(attempt.sha256, attempt)
        merged[attempt.sha256] = attempt.model_copy(update={"counts_as": min(before.counts_as, attempt.counts_as)})
    return list(merged.values())


def _order(attempts: list[Attempt]) -> Callable[[Attempt], tuple[object, ...]]:
    if all(attempt.serial for attempt in attempts):
        return lambda attempt: (attempt.serial, attempt.handed_in, attempt.sha256)
    return lambda attempt: (attempt.handed_in, attempt.serial, attempt.sha256)


def _content(attempt: Attempt, notebook: Path, spool: Path) -> bytes:
    for path in (spool / attempt.sha256, notebook.parent / EARLIER / f"{attempt.sha256}.ipynb", notebook):
        if path.is_file() and hashlib.sha256(content := path.read_bytes()).hexdigest() == attempt.sha256:
            return content
    raise GraderError(f"{notebook.parent} has lost {attempt.place}: collect it again")


def _write(path: Path, content: bytes) -> None:
    if path.is_file() and path.read_bytes() == content:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.write_bytes(content)
    part.replace(path)


def _lying_in(course: Course, out: Path) -> dict[tuple[str, str], tuple[Attempt, ...]]:
    """All that was ever collected into `out`."""
    folders = [(student, module.id) for student in sorted(out.iterdir()) for module in course.modules]
    files = ((student.name, module, student / module / ATTEMPTS) for student, module in folders)
    return {
        (student, module): Attempts.model_validate_json(file.read_bytes()).attempts
        for student, module, file in files
        if file.is_file()
    }


def _rows(collected: Collected) -> Iterator[list[str]]:
    yield ["student", "module", "outcome", "handed in", "clock", "counts as", "from", "note"]
    for (student, module), attempts in collected.attempts.items():
        for attempt in attempts:
            outcome = "counts" if attempt is attempts[0] else "earlier"
            times = [f"{attempt.handed_in:%Y-%m-%d %H:%M:%S}", attempt.clock, f"{attempt.counts_as:%Y-%m-%d %H:%M:%S}"]
            yield [student, module, outcome, *times, attempt.place, attempt.note]
    for each in collected.not_taken:
        yield ["", "", "not taken", "", "", "", readable(each.place, 500), readable(each.reason, 500)]
