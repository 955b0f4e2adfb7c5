"""Who handed a file in, as its name says it: the names that Canvas, Moodle, nbgrader and `autograder submit` give."""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

from nbgrader.utils import parse_utc

# Canvas, lib/content_zipper.rb: get_filename and add_upload_submission of "Download submissions" give
# <sortable name, lower case, only letters and digits>[_LATE]_<user id>_<attachment id>_<the file's name>; Canvas puts
# -1, -2 … behind the file's own name when it was uploaded before. An anonymous one begins with [LATE_]anon_<letters>.
_CANVAS = re.compile(
    r"(?:(?P<who>\w+?)_)??(?P<late>LATE_)?(?P<account>anon_\w+?|\d+)_(?P<serial>\d+)_(?P<name>.+)", re.IGNORECASE
)
# Moodle, mod/assign/classes/downloader.php: <full name, _ as spaces>_<participant>_assignsubmission_<plugin>, as a
# folder (older versions with _ at its end) or in front of the file's name.
_MOODLE = re.compile(r"(?P<who>.+)_(?P<account>\d+)_assignsubmission_(?P<plugin>[a-z]+)(?:_(?P<name>.*))?")
# nbgrader, exchange/default/submit.py: <student>+<assignment>+<timestamp>[+<random>]; a student's id has no +.
_EXCHANGE = re.compile(r"(?P<who>[^+]+)\+(?P<module>[^+]+)\+(?P<time>\d{4}-\d\d-\d\d [^+]+)(?:\+[\w-]+)?")
# Browsers write (1) behind the name of a second download.
_AGAIN = r"(?:-\d+| ?\(\d+\))?"


@dataclass(frozen=True)
class Reading:
    """One way to read a file's path; `account` is the system's own number, `serial` grows with each upload."""

    kind: Literal["Canvas", "Moodle", "exchange", "name", "folder"]
    who: str
    account: str = ""
    serial: int = 0
    late: bool = False
    when: dt.datetime | None = None

    @property
    def vouched(self) -> bool:
        """Whether a system that people log in to says who it was, and not whoever named the file."""
        return self.kind in ("Canvas", "Moodle", "exchange")


def readings(path: PurePosixPath, modules: Collection[str]) -> tuple[Reading, ...]:
    """How `path`, within its source, can be read: surest first; several when a name is ambiguous.

    >>> from pathlib import PurePosixPath as Path
    >>> [(r.kind, r.who, r.late) for r in readings(Path("voan_LATE_17_4711_lab-1.ipynb"), ["03_serving"])]
    [('Canvas', 'voan', True)]
    >>> [(r.kind, r.who) for r in readings(Path("An Võ_17_assignsubmission_file/lab.ipynb"), ["03_serving"])]
    [('Moodle', 'An Võ')]
    >>> [(r.kind, r.who) for r in readings(Path("an_03_serving.zip"), ["03_serving"])]
    [('name', 'an')]
    """
    path = PurePosixPath(unicodedata.normalize("NFC", str(path)))
    sure = [*_exchange(path), *_moodle(path)][:1]
    if sure:
        return tuple(sure)
    plain = list(_plain(path.stem, modules))
    canvas = [
        reading
        for reading, name in _canvas(path.name)
        if not plain or any(module in name for module in modules)  # an_2024_03_serving is the student an_2024
    ]
    folder = [Reading("folder", path.parts[0])] if len(path.parts) > 1 and path.parts[0] not in modules else []
    return tuple([*canvas, *plain] or folder)


def same_name(name: str) -> str:
    """`name` as both sides of a comparison: letters and digits alone, in lower case.

    >>> same_name("Võ, Thị An") == same_name("VÕ THỊ AN")
    True
    """
    return re.sub(r"[\W_]", "", unicodedata.normalize("NFC", name)).casefold()


def _exchange(path: PurePosixPath) -> Iterator[Reading]:
    for part in path.parts:
        if found := _EXCHANGE.fullmatch(part):
            try:
                when = parse_utc(found["time"]).replace(tzinfo=dt.UTC)
            except (ValueError, OverflowError):
                continue
            yield Reading("exchange", found["who"], when=when)


def _moodle(path: PurePosixPath) -> Iterator[Reading]:
    for part in path.parts:
        if found := _MOODLE.fullmatch(part):
            yield Reading("Moodle", found["who"], account=found["account"])


def _canvas(name: str) -> Iterator[tuple[Reading, str]]:
    if found := _CANVAS.fullmatch(name):
        who = found["who"] or found["account"]
        late, serial = bool(found["late"]), int(found["serial"])
        yield Reading("Canvas", who, account=found["account"], serial=serial, late=late), found["name"]


def _plain(stem: str, modules: Collection[str]) -> Iterator[Reading]:
    choices = "|".join(map(re.escape, modules))
    if found := re.fullmatch(rf"(?P<who>.+)_(?:{choices}){_AGAIN}", stem):
        yield Reading("name", found["who"])
