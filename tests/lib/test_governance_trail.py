"""The audit trail: what is written stands, and every edit, deletion and reordering of it is found."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lib.errors import TrailError
from lib.governance.trail import Line, Trail, open_trail

KEY = bytes(range(32))
WRITER = """
import pathlib, sys
from lib.governance.trail import Trail
trail = Trail(pathlib.Path(sys.argv[1], "trail.jsonl"), key=bytes(range(32)))
for _ in range(10):
    trail.add("denied", by=sys.argv[2])
"""
EVENTS = [
    ("roles given", "root", {"person": "ada", "roles": ["scientist"]}),
    ("key issued", "root", {"person": "ada", "key": "00000001"}),
    ("denied", "ada", {"asked": "GET /trail", "needs": None}),
    ("registry", "ada", {"key": "houses 3", "digest": "sha256:é"}),
    ("key revoked", "root", {"person": "ada", "key": "00000001"}),
    ("erasure", "grace", {"rows": 12, "share": 0.1}),
]


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A trail of six lines, one of them alone."""
    trail = Trail(tmp_path_factory.mktemp("trail") / "trail.jsonl", key=KEY)
    what, by, about = EVENTS[0]
    trail.add(what, by=by, **about)
    trail.extend(EVENTS[1:])
    return trail


@pytest.fixture
def trail(written, tmp_path):
    """A copy that a test may harm."""
    for path in (written.path, written.path.with_suffix(".head")):
        shutil.copy(path, tmp_path)
    return Trail(tmp_path / "trail.jsonl", key=KEY)


def rewrite(trail, change):
    """Put what `change` makes of the lines in their place."""
    lines = trail.path.read_text("utf-8").splitlines()
    trail.path.write_text("".join(f"{line}\n" for line in change(lines)), "utf-8")


def test_what_was_written_is_read_back(trail):
    """In order, numbered, in words, and whole."""
    lines = trail.lines()
    assert [(line.what, line.by, line.about) for line in lines] == EVENTS
    assert [line.number for line in lines] == [1, 2, 3, 4, 5, 6]
    assert str(lines[1]).endswith(" UTC · root: key issued (person ada, key 00000001)")
    verdict = trail.verify()
    assert (verdict.ok, verdict.lines, verdict.problems) == (True, 6, ())


def test_fresh_trail_is_whole(tmp_path):
    """Nothing written is nothing changed."""
    trail = open_trail(tmp_path / "new")
    assert trail.verify().ok
    assert (trail.lines(), trail.head) == ([], "")
    assert trail.extend([]) == []
    assert not trail.path.exists()
    trail.add("began", by="root")
    assert open_trail(tmp_path / "new").verify().ok, "its key is kept beside it"


@pytest.mark.parametrize("place", range(6))
@pytest.mark.parametrize("field", ["number", "at", "what", "by", "about", "before", "mac"])
def test_any_edit_is_found(trail, place, field):
    """Whatever is changed in whichever line."""

    def change(lines):
        line = json.loads(lines[place])
        line[field] = {"number": 9, "at": "2020-01-01T00:00:00Z", "about": {}}.get(field, "f" * 64)
        return [*lines[:place], Line.model_validate(line).model_dump_json(), *lines[place + 1 :]]

    rewrite(trail, change)
    assert any(f"line {place + 1}" in problem for problem in trail.verify().problems)


@pytest.mark.parametrize("place", range(6))
def test_any_deletion_is_found(trail, place):
    """The first, one in the middle, and the last, which no chain alone would miss."""
    rewrite(trail, lambda lines: lines[:place] + lines[place + 1 :])
    assert not trail.verify().ok


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.permutations(range(6)), kept=st.integers(0, 6), twice=st.booleans())
def test_only_the_lines_as_they_were_are_whole(written, tmp_path, order, kept, twice):
    """Any reordering, any cut and any repetition, and the original alone passes."""
    trail = Trail(tmp_path / "trail.jsonl", key=KEY)
    lines = written.path.read_text("utf-8").splitlines(keepends=True)
    shutil.copy(written.path.with_suffix(".head"), tmp_path)
    chosen = [lines[place] for place in order[:kept]] * (2 if twice else 1)
    trail.path.write_text("".join(chosen), "utf-8")
    assert trail.verify().ok == (chosen == lines)


@pytest.mark.parametrize("change", [lambda text: text.replace(",", ", ", 1), lambda text: '{"by":"eve",' + text[1:]])
def test_a_line_that_only_reads_the_same_is_found(trail, change):
    """A second name before the true one, which some readers would believe, and other spaces."""
    rewrite(trail, lambda lines: [lines[0], change(lines[1]), *lines[2:]])
    assert "line 2, which says number 2, is not as it was written" in trail.verify().problems


def test_no_line_can_be_forged_without_the_key(trail):
    """One more line, chained as it should be but sealed with another key, is found; so is a head made up for a cut."""
    eve = Trail(trail.path, key=bytes(32))
    eve.add("key issued", by="eve")
    problems = trail.verify().problems
    assert any("line 7" in problem for problem in problems)
    assert any(".head is not as it was written" in problem for problem in problems)


@pytest.mark.parametrize("text", ["", "1:2", "6:x:y", "é", None])
def test_a_head_that_is_gone_or_made_up_is_found(trail, text):
    """Without it a cut would go unseen."""
    head = trail.path.with_suffix(".head")
    if text is None:
        head.unlink()
    else:
        head.write_text(text)
    assert any(".head" in problem for problem in trail.verify().problems)


def test_an_anchor_kept_elsewhere_finds_an_old_copy(trail, tmp_path):
    """Both files put back as they once were pass by themselves, and not against what was written down."""
    earlier = tmp_path / "earlier"
    shutil.copytree(tmp_path, earlier, ignore=shutil.ignore_patterns("earlier"))
    early = trail.head
    trail.add("key issued", by="root")
    late = trail.head
    assert trail.verify(anchor=early).ok
    assert trail.verify(anchor=late).ok
    old = Trail(earlier / "trail.jsonl", key=KEY)
    assert old.verify().ok
    assert old.verify(anchor=late).problems == (
        "line 7 once was the newest and is not there as it was; the newest is 6",
    )
    for odd in ("7", "x:y", ":", "\N{FULLWIDTH DIGIT SEVEN}" + late[1:]):
        assert not trail.verify(anchor=odd).ok


def test_line_torn_by_a_crash_is_dropped_and_the_next_follows(trail):
    """It was never acknowledged; so is a head that the crash came before."""
    head = trail.path.with_suffix(".head")
    old = head.read_bytes()
    trail.add("denied", by="ada")
    head.write_bytes(old)
    with trail.path.open("a") as stream:
        stream.write('{"number":8,"at"')
    assert trail.verify().ok
    assert trail.add("denied", by="ada").number == 8
    assert trail.verify().ok
    assert len(trail.lines()) == 8


def test_nothing_follows_a_line_that_cannot_be_read(trail):
    """The file is kept as evidence; both errors say what to do."""
    rewrite(trail, lambda lines: [*lines, "made up"])
    with pytest.raises(TrailError, match="Keep the file as evidence"):
        trail.add("denied", by="ada")
    with pytest.raises(TrailError, match="line 7 of "):
        trail.lines()
    assert trail.verify().problems == ("line 7 cannot be read",)


def test_long_lines_are_followed(trail):
    """Longer than what is read of the file's end at first."""
    trail.add("erasure", by="grace", rows=["x" * 50_000, "y" * 50_000])
    assert trail.add("denied", by="ada").number == 8
    assert trail.verify().ok


def test_processes_that_write_together_make_one_chain(tmp_path):
    """Every line of each is there, and the chain holds."""
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), name]) for name in ("ada", "bob")]
    assert [writer.wait(60) for writer in writers] == [0, 0]
    trail = Trail(tmp_path / "trail.jsonl", key=KEY)
    assert trail.verify().ok
    assert sorted(line.by for line in trail.lines()) == ["ada"] * 10 + ["bob"] * 10


def test_reading_meanwhile_finds_nothing_wrong(trail, monkeypatch):
    """A line that is written between two looks at the files is no line that is missing."""
    texts = Trail._texts

    def slowly(self):
        found = texts(self)
        self.add("denied", by="ada")
        return found

    monkeypatch.setattr(Trail, "_texts", slowly)
    assert trail.verify().ok
    monkeypatch.undo()
    assert trail.verify().ok


def test_unwritable_trail_is_a_clear_error(tmp_path):
    """What cannot be written down is said before it is done."""
    trail = Trail(tmp_path / "trail.jsonl", key=KEY)
    trail.path.mkdir()
    with pytest.raises(TrailError, match="cannot be written: Is a directory"):
        trail.add("denied", by="ada")
