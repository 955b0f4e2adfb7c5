"""Collecting a class: what Canvas, Moodle, nbgrader and mail give becomes the folder that `grade` takes."""

from __future__ import annotations

import csv
import datetime as dt
import io
import os
import stat
import unicodedata
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from autograder.archives import Archive, Budget, Refused
from autograder.batch import find_submissions, grade_entry
from autograder.build import load_lab
from autograder.cli import main
from autograder.collect import Collected, collect
from autograder.course import Course
from autograder.errors import GraderError
from autograder.exports import Person
from autograder.gradebook import stamped
from autograder.late import LatePolicy
from autograder.models import Grade
from autograder.release import handout_of
from autograder.submit import MANIFEST, pack

DUE = dt.datetime(2026, 10, 12, 21, 59, tzinfo=dt.UTC)
BEFORE, AFTER = DUE - dt.timedelta(days=1), DUE + dt.timedelta(days=3)


@pytest.fixture(scope="module")
def zipped(
    course: Course, handed_in: Callable[..., str], tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., bytes]:
    """What `autograder submit` makes of the solution with some cells changed."""
    handout = handout_of(course, [load_lab(course, "words")])
    out = tmp_path_factory.mktemp("packing")

    def make(student: str, **changes: str | None) -> bytes:
        (out / "words.ipynb").write_text(handed_in(**changes), "utf-8")
        return pack(handout, "words", student, out / "words.ipynb", out, lock=out / "none").path.read_bytes()

    return make


def archive(path: Path, files: dict[str, bytes | str], at: dt.datetime = AFTER) -> Path:
    """A zip archive, every entry with the time of the download, as Canvas and Moodle make it."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        for name, content in files.items():
            target.writestr(zipfile.ZipInfo(name, at.astimezone().timetuple()[:6]), content)
    return path


def folder(path: Path, files: dict[str, bytes | str], at: dt.datetime = BEFORE) -> Path:
    """A folder of files that were last changed at a time."""
    for name, content in files.items():
        file = path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        os.utime(file, (at.timestamp(), at.timestamp()))
    return path


def roster(*people: tuple[str, str]) -> dict[str, Person]:
    """A roster of ids and names."""
    return {student: Person(student=student, name=name) for student, name in people}


def lying(out: Path) -> dict[str, bytes]:
    """Every file under a folder."""
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}


def students(collected: Collected) -> list[str]:
    """Whose notebooks lie there."""
    return sorted(student for student, _ in collected.attempts)


def reasons(collected: Collected) -> dict[str, str]:
    """Why each thing was not taken, by its place without the source."""
    return {each.place.split(": ", 1)[-1].split("/", 1)[-1]: each.reason for each in collected.not_taken}


def points(grade: Grade) -> dict[str, float]:
    """What each check gave."""
    return {check.cell: check.points for check in grade.checks}


def test_from_release_to_grades_through_canvas(
    course: Course, handed_in: Callable[..., str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Submitted, downloaded from Canvas, collected by roster and graded: the points of the notebooks themselves."""
    texts = {
        "an": handed_in(code_count="def count(text):\n    return {}"),
        "bình": handed_in(theory_rare='theory_rare = "B"', report_text="*Write here.*"),
    }
    for student, text in texts.items():
        folder(tmp_path / "direct", {f"{student}/words/words.ipynb": text})
        notebook = tmp_path / "direct" / student / "words" / "words.ipynb"
        options = ["--student", student, "--notebook", str(notebook), "--out", str(tmp_path / "packed")]
        assert main(["--course", str(course.root), "submit", "words", *options]) == 0
    packed = {student: (tmp_path / "packed" / f"{student}_words.zip").read_bytes() for student in texts}
    canvas = archive(
        tmp_path / "submissions.zip",
        {"anvõthị_101_4001_an_words.zip": packed["an"], "lêbình_LATE_102_4002_bình_words-1.zip": packed["bình"]},
    )
    people = tmp_path / "roster.csv"
    people.write_text('student,name\nan,"Võ Thị An"\nbình,"Lê, Bình"\n', "utf-8")
    arguments = ["collect", str(canvas), "--roster", str(people), "--out", str(tmp_path / "collected")]
    assert main(["--course", str(course.root), *arguments]) == 0
    assert "2 notebooks of 2 students, 0 earlier ones beside" in capsys.readouterr().out
    collected, direct = (
        {entry.student: grade_entry(course.root, True, entry).grade for entry in find_submissions(course, folder)}
        for folder in (tmp_path / "collected", tmp_path / "direct")
    )
    assert {student: points(grade) for student, grade in collected.items()} == {
        student: points(grade) for student, grade in direct.items()
    }
    assert {student: (grade.total, grade.pending) for student, grade in collected.items()} == {
        "an": (5, 1),
        "bình": (8, 0),
    }


def test_canvas_names(course: Course, handed_in: Callable[..., str], tmp_path: Path) -> None:
    """Family name first, without spaces, in lower case; LATE; another file name; -1 of a resubmission."""
    source = archive(
        tmp_path / "canvas.zip",
        {
            "anvõthị_101_4001_words.ipynb": handed_in(),
            unicodedata.normalize("NFD", "bìnhlê_102_4002_words-1.ipynb"): handed_in(),
            "o_brien_LATE_103_4003_my homework.ipynb": handed_in(),
            "dung_104_4004_thesis.docx": "my thesis",
            "dung_104_4005_text.html": "<p>I could not</p>",
        },
    )
    people = roster(("an", "Võ Thị An"), ("bình", "Lê Bình"), ("cara", "Cara O Brien"), ("obrien", "O'Brien"))
    collected = collect(course, [source], tmp_path / "out", people)
    assert students(collected) == ["an", "bình", "obrien"]
    assert reasons(collected) == {
        "dung_104_4004_thesis.docx": "is neither a notebook nor a zip archive",
        "dung_104_4005_text.html": "is neither a notebook nor a zip archive",
    }


def test_moodle_names(
    course: Course, handed_in: Callable[..., str], zipped: Callable[..., bytes], tmp_path: Path
) -> None:
    """A folder a person, with or without _ at its end, or the same in front of the file's name."""
    source = archive(
        tmp_path / "moodle.zip",
        {
            "Võ Thị An_2001_assignsubmission_file/words.ipynb": handed_in(),
            "Lê Bình_2002_assignsubmission_file_/an_words.zip": zipped("bình"),
            "Chi_2003_assignsubmission_file_my homework.ipynb": handed_in(),
            "Chi_2003_assignsubmission_onlinetext/onlinetext.html": "<p>Hello</p>",
            "__MACOSX/._words.ipynb": "x",
        },
    )
    people = roster(("an", "Võ, Thị An"), ("bình", "Bình Lê"), ("chi", "Chi"))
    collected = collect(course, [source], tmp_path / "out", people)
    assert students(collected) == ["an", "bình", "chi"]
    assert list(reasons(collected).values()) == ["is neither a notebook nor a zip archive"]


def test_exchange_of_nbgrader(course: Course, handed_in: Callable[..., str], tmp_path: Path) -> None:
    """Folders of the inbound part alone, the time from their names, the newest of two."""
    first, second = "2026-10-11 08:00:00.000000 UTC", "2026-10-11 09:30:00.500000 UTC"
    text, better = handed_in(theory_rare='theory_rare = "B"'), handed_in()
    folder(
        tmp_path / "exchange",
        {
            f"course/inbound/an+words+{second}+Zm9v/words.ipynb": better,
            f"course/inbound/an+words+{second}+Zm9v/timestamp.txt": second,
            f"course/inbound/an+words+{second}+Zm9v/submission_secret.txt": "x",
            f"course/inbound/an+words+{first}/words.ipynb": text,
            "course/outbound/words/words.ipynb": course.student_notebook("words").read_text("utf-8"),
        },
        at=AFTER,
    )
    collected = collect(course, [tmp_path / "exchange"], tmp_path / "out")
    assert students(collected) == ["an"]
    assert collected.not_taken == ()
    assert (tmp_path / "out" / "an" / "words" / "words.ipynb").read_text("utf-8") == better
    assert (tmp_path / "out" / "an" / "words" / "timestamp.txt").read_text("utf-8").strip() == second
    assert [attempt.clock for attempt in collected.attempts["an", "words"]] == ["exchange", "exchange"]


def test_folders_and_single_files(
    course: Course, handed_in: Callable[..., str], zipped: Callable[..., bytes], tmp_path: Path
) -> None:
    """Zips of submit, notebooks named after students, a folder a student, an archive of any of them, one file."""
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as target:
        target.writestr("em/words.ipynb", handed_in())
    source = folder(
        tmp_path / "mail",
        {
            "an_words.zip": zipped("an"),
            "Lê Bình_words (2).ipynb": handed_in(),
            "chi/anything/lab.ipynb": handed_in(),
            "dung/words/words.ipynb": handed_in(),
            "homework.zip": zipped("giang"),
            "more.zip": inner.getvalue(),
            "words.ipynb": handed_in(),
            ".ipynb_checkpoints/an_words-checkpoint.ipynb": handed_in(),
        },
    )
    single = folder(tmp_path, {"hoa_words.ipynb": handed_in()}) / "hoa_words.ipynb"
    collected = collect(course, [source, single], tmp_path / "out")
    assert students(collected) == ["Lê Bình", "an", "chi", "dung", "em", "giang", "hoa"]
    assert reasons(collected) == {"words.ipynb": "nothing says whose it is: neither its name nor a manifest"}


def test_newest_attempt_counts_and_the_older_stays(
    course: Course, handed_in: Callable[..., str], tmp_path: Path
) -> None:
    """In one source or in two, whichever is collected first; again changes nothing; nothing collected gets lost."""
    texts = [handed_in(theory_rare=f'theory_rare = "{letter}"') for letter in "ABC"]
    one = archive(tmp_path / "one.zip", {"voan_7_40_words.ipynb": texts[0], "voan_7_41_words-1.ipynb": texts[1]})
    two = archive(tmp_path / "two.zip", {"voan_7_90_words-2.ipynb": texts[2]}, at=BEFORE)
    notebook = Path("voan_7", "words", "words.ipynb")
    collect(course, [one], tmp_path / "out")
    assert (tmp_path / "out" / notebook).read_text("utf-8") == texts[1]
    collect(course, [two], tmp_path / "out")
    both = lying(tmp_path / "out")
    assert both[notebook.as_posix()].decode() == texts[2]
    assert {content.decode() for name, content in both.items() if "/earlier/" in name} == set(texts[:2])
    changed = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.ipynb")}
    for sources in ([one], [two, one]):
        collected = collect(course, sources, tmp_path / "out")
        assert lying(tmp_path / "out") == both
        assert [attempt.serial for attempt in collected.attempts["voan_7", "words"]] == [90, 41, 40]
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.ipynb")} == changed
    collect(course, [two, one], tmp_path / "at once")
    assert lying(tmp_path / "at once") == both


def test_a_notebook_mended_by_hand_stays(
    course: Course, handed_in: Callable[..., str], zipped: Callable[..., bytes], tmp_path: Path
) -> None:
    """What an instructor changed in place is an attempt of its own; collecting again does not undo it."""
    source = archive(tmp_path / "canvas.zip", {"voan_7_40_x.zip": zipped("an")})
    collect(course, [source], tmp_path / "out")
    notebook = tmp_path / "out" / "an" / "words" / "words.ipynb"
    mended = handed_in(theory_rare='theory_rare = "C"')
    notebook.write_text(mended, "utf-8")
    collected = collect(course, [source], tmp_path / "out")
    assert notebook.read_text("utf-8") == mended
    places = [attempt.place for attempt in collected.attempts["an", "words"]]
    assert (places, collected.not_taken) == (["was there", "canvas.zip: voan_7_40_x.zip"], ())


@pytest.mark.parametrize("unpacked", [False, True])
@pytest.mark.parametrize(
    ("name", "packed", "counts_as"),
    [
        ("voan_7_40_words.ipynb", False, DUE),
        ("voan_LATE_7_40_words.ipynb", False, DUE + dt.timedelta(minutes=10, seconds=1)),
        ("An_7_assignsubmission_file/words.ipynb", False, DUE),
        ("voan_LATE_7_40_an_words.zip", True, None),
    ],
)
def test_what_counts_for_the_late_policy(
    course: Course,
    handed_in: Callable[..., str],
    zipped: Callable[..., bytes],
    tmp_path: Path,
    name: str,
    packed: bool,
    counts_as: dt.datetime | None,
    unpacked: bool,
) -> None:
    """An archive's times, unpacked or not, are the download's and cost nobody anything; LATE is just late at least."""
    (module,) = course.modules
    policy = LatePolicy(per_day=1, grace_minutes=10)
    due = course.model_copy(update={"modules": (module.model_copy(update={"due": DUE, "late": policy}),)})
    files = {name: zipped("an") if packed else handed_in()}
    source = folder(tmp_path / "lms", files, AFTER) if unpacked else archive(tmp_path / "lms.zip", files)
    collected = collect(due, [source], tmp_path / "out")
    ((student, _), (attempt,)) = next(iter(collected.attempts.items()))
    assert attempt.counts_as == (counts_as or attempt.handed_in)
    assert (attempt.clock, attempt.counts_as > DUE) == ("packed" if packed else "download", "LATE" in name)
    moment = stamped(tmp_path / "out" / student / "words" / "timestamp.txt")
    assert moment == attempt.counts_as.replace(tzinfo=None)


def test_a_cohorts_dates_count_where_an_archive_has_none(
    course: Course, handed_in: Callable[..., str], tmp_path: Path
) -> None:
    """`collect --cohort`: what came in a download later than the due date is as good as in time."""
    source = archive(tmp_path / "lms.zip", {"voan_7_40_words.ipynb": handed_in()})
    (tmp_path / "cohort.toml").write_text(f"[due]\nwords = {DUE:%Y-%m-%dT%H:%M:%SZ}\n", "utf-8")
    command = ["--course", str(course.root), "collect", str(source), "--out", str(tmp_path / "out")]
    for extra, counted in (([], AFTER), (["--cohort", str(tmp_path / "cohort.toml")], DUE)):
        assert main([*command, *extra]) == 0
        (stamp,) = (tmp_path / "out").glob("*/words/timestamp.txt")
        assert stamped(stamp) == counted.replace(tzinfo=None)


def test_the_rosters_people_alone_are_students(
    course: Course, handed_in: Callable[..., str], zipped: Callable[..., bytes], tmp_path: Path
) -> None:
    """Unknown, ambiguous and contradictory names are listed; a manifest helps, and never against the system's word."""
    source = archive(
        tmp_path / "canvas.zip",
        {
            "võan_1_10_words.ipynb": handed_in(),
            "stranger_2_11_words.ipynb": handed_in(),
            "nguyễnchi_3_12_words.ipynb": handed_in(),
            "nguyễnchi_4_13_chi2_words.zip": zipped("chi2"),
            "lêbình_5_14_x.zip": zipped("an"),
            "nickname_6_15_x.zip": zipped("em"),
        },
    )
    mail = folder(tmp_path / "mail", {"an_words.zip": zipped("bình"), "dung_words.ipynb": handed_in()})
    people = roster(
        ("an", "Võ An"), ("bình", "Lê Bình"), ("chi1", "Nguyễn Chi"), ("chi2", "Chi Nguyễn"), ("em", "Lê Em")
    )
    collected = collect(course, [source, mail], tmp_path / "out", people)
    assert students(collected) == ["an", "bình", "chi2", "em"]
    assert reasons(collected) == {
        "stranger_2_11_words.ipynb": "unknown student: the roster has no 'stranger'",
        "nguyễnchi_3_12_words.ipynb": "could be chi1 or chi2: 'nguyễnchi' fits both in the roster",
        "an_words.zip": "its name says an, its manifest says bình",
        "dung_words.ipynb": "unknown student: the roster has no 'dung'",
    }
    notes = {student: attempts[0].note for (student, _), attempts in collected.attempts.items()}
    assert notes["bình"] == "its manifest says an; Canvas says bình, which counts"
    assert notes["em"] == "the roster does not know 'nickname': its manifest says em"


def test_two_accounts_cannot_share_an_id(course: Course, zipped: Callable[..., bytes], tmp_path: Path) -> None:
    """Without a roster a manifest names the student, but not a second account's; in a later collection neither."""
    both = archive(tmp_path / "both.zip", {"voan_1_10_x.zip": zipped("an"), "mallory_2_11_x.zip": zipped("an")})
    collected = collect(course, [both], tmp_path / "out")
    assert students(collected) == []
    assert all(
        "several hand in under one id (Canvas mallory_2, Canvas voan_1)" in text for text in reasons(collected).values()
    )
    collect(course, [archive(tmp_path / "one.zip", {"voan_1_10_x.zip": zipped("an")})], tmp_path / "out")
    before = lying(tmp_path / "out" / "an")
    later = archive(tmp_path / "later.zip", {"mallory_2_99_x.zip": zipped("an", theory_rare=None)})
    collected = collect(course, [later], tmp_path / "out")
    assert list(reasons(collected).values()) == ["its manifest claims the id of another: Canvas voan_1"]
    assert lying(tmp_path / "out" / "an") == before


def bomb() -> bytes:
    """A zip of a notebook that unpacks to 60 MB and says that it is small."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as target:
        target.writestr("words.ipynb", b"[" + b" " * 60_000_000)
    return packed.getvalue()


def with_manifest(content: bytes, change: Callable[[bytes], bytes], name: str) -> bytes:
    """The zip of `submit` with one of its two files changed."""
    packed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as source, zipfile.ZipFile(packed, "w") as target:
        for entry in source.namelist():
            target.writestr(entry, change(source.read(entry)) if entry == name else source.read(entry))
    return packed.getvalue()


def test_what_is_wrong_is_listed_and_stops_nothing(
    course: Course, handed_in: Callable[..., str], zipped: Callable[..., bytes], tmp_path: Path
) -> None:
    """Damaged, hostile and lying files, each with its reason; the good one beside them is collected."""
    good = zipped("an")
    link = zipfile.ZipInfo("link_words.ipynb")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    encrypted = bytearray(good)
    for mark, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        encrypted[encrypted.index(mark) + at] |= 1
    source = tmp_path / "class.zip"
    with zipfile.ZipFile(source, "w", zipfile.ZIP_DEFLATED) as target:
        target.writestr("an_words.zip", good)
        target.writestr("../../evil_words.ipynb", handed_in())
        target.writestr("/tmp/absolute_words.ipynb", handed_in())
        target.writestr("..\\back_words.ipynb", handed_in())
        target.writestr(link, "/etc/passwd")
        target.writestr("bomb_words.zip", bomb())
        target.writestr("encrypted_words.zip", bytes(encrypted))
        target.writestr("short_words.zip", good[: len(good) // 2])
        target.writestr("text_words.zip", "no zip")
        target.writestr("text_words.ipynb", "no notebook")
        target.writestr("list_words.ipynb", "[]")
        target.writestr("other_words.ipynb", '{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": []}')
        target.writestr("changed_words.zip", with_manifest(good, lambda text: text + b" ", "words.ipynb"))
        target.writestr(
            "forged_words.zip", with_manifest(good, lambda text: text.replace(b'"words"', b'"verbs"'), MANIFEST)
        )
        target.writestr("odd_words.zip", with_manifest(good, lambda _: b"{}", MANIFEST))
        target.writestr("none_words.zip", b"PK\x05\x06" + bytes(18))
    before = sorted(tmp_path.iterdir())
    collected = collect(course, [source], tmp_path / "out")
    said = {each.place.split(": ", 1)[1]: each.reason for each in collected.not_taken}
    wanted = {
        "../../evil_words.ipynb": "its name leads out of the archive",
        "/tmp/absolute_words.ipynb": "its name leads out of the archive",
        "..\\back_words.ipynb": "its name leads out of the archive",
        "link_words.ipynb": "is a link, not a file",
        "bomb_words.zip": "is too large: 60,000,001 bytes",
        "encrypted_words.zip": "is encrypted",
        "short_words.zip": "cannot be read as a zip archive",
        "text_words.zip": "cannot be read as a zip archive",
        "text_words.ipynb": "not a notebook: the JSON breaks off",
        "list_words.ipynb": "not a notebook: no nbformat number",
        "other_words.ipynb": "a notebook of no module of this course",
        "changed_words.zip": "its notebook is not the one that its manifest was made for",
        "forged_words.zip": "its manifest says verbs, its notebook is words",
        "odd_words.zip": "manifest.json is not one of `autograder submit`",
        "none_words.zip": "the archive holds no notebooks",
    }
    assert {name: said.get(name, "")[: len(text)] for name, text in wanted.items()} == wanted
    assert set(said) == set(wanted)
    assert students(collected) == ["an"]
    assert sorted(tmp_path.iterdir()) == sorted([*before, tmp_path / "out"])
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["an", "collected.csv"]
    with (tmp_path / "out" / "collected.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["outcome"] for row in rows] == ["counts"] + ["not taken"] * len(wanted)


def test_sizes_that_lie_and_archives_without_end_are_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An entry that says it is small is read to the limit and no further; so is the sum of all."""
    lying_zip = bytearray(bomb())
    for mark, at in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        start = lying_zip.index(mark) + at
        lying_zip[start : start + 4] = (100).to_bytes(4, "little")
    small = Archive(bytes(lying_zip), Budget())
    with pytest.raises(Refused, match="cannot be unpacked"):
        small.read(next(small.files()))
    many = io.BytesIO()
    with zipfile.ZipFile(many, "w") as target:
        for number in range(5):
            target.writestr(f"{number}.ipynb", bytes(1_000))
    limited = Archive(many.getvalue(), Budget(left=3_500))
    entries = list(limited.files())
    assert [len(limited.read(entry)) for entry in entries[:3]] == [1_000] * 3
    with pytest.raises(Refused, match="unpack to more than is read of one source"):
        limited.read(entries[3])
    monkeypatch.setattr("autograder.archives.MAX_ENTRIES", 4)
    with pytest.raises(Refused, match="has 5 entries, at most 4"):
        Archive(many.getvalue(), Budget())


def test_links_in_a_folder_are_not_followed(course: Course, handed_in: Callable[..., str], tmp_path: Path) -> None:
    """Neither a linked notebook nor a linked archive or folder is read, nor the folder that is collected into."""
    secret = folder(tmp_path / "secret", {"an_words.ipynb": handed_in()})
    mail = folder(tmp_path / "mail", {"out/binh/words/words.ipynb": handed_in()})
    (mail / "an_words.ipynb").symlink_to(secret / "an_words.ipynb")
    (mail / "all.zip").symlink_to(archive(tmp_path / "all.zip", {"an_words.ipynb": handed_in()}))
    (mail / "chi").symlink_to(secret)
    collected = collect(course, [mail], mail / "out")
    assert reasons(collected) == {
        "an_words.ipynb": "an_words.ipynb is not a plain file",
        "all.zip": "is a link, not a file",
        "chi": "is neither a notebook nor a zip archive",
    }
    assert students(collected) == []
    with pytest.raises(GraderError, match="into itself"):
        collect(course, [mail], mail)


def test_names_of_students_are_made_safe(
    course: Course, handed_in: Callable[..., str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Names that are paths or formulas become plain folders, in the table too; an archive without times is named."""
    source = archive(tmp_path / "class.zip", {"=1+1_words.ipynb": handed_in(), "an?_words.ipynb": handed_in()})
    collected = collect(course, [source], tmp_path / "out")
    assert students(collected) == ["_1_1", "an_"]
    table = (tmp_path / "out" / "collected.csv").read_text("utf-8")
    assert main(["--course", str(course.root), "collect", str(source), "--out", str(tmp_path / "out")]) == 0
    assert "2 count as handed in at the download" in capsys.readouterr().out
    assert (tmp_path / "out" / "collected.csv").read_text("utf-8") == table


def test_a_source_that_is_not_there_is_an_error(
    course: Course, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A misspelt source collects nothing."""
    arguments = ["collect", str(tmp_path / "canvsa.zip"), "--out", str(tmp_path / "out")]
    assert main(["--course", str(course.root), *arguments]) == 1
    assert "canvsa.zip does not exist" in capsys.readouterr().err
    assert not (tmp_path / "out" / ".collecting").exists()
