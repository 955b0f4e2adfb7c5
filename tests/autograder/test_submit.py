"""Handing in: a student packs a module in the released folder, and hears what the grader will find in it."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_output

from autograder.build import load_lab
from autograder.cli_student import main
from autograder.course import Course
from autograder.grading import ModuleGrader
from autograder.handout import Handout, read_handout
from autograder.merge import read_submission
from autograder.precheck import Precheck, precheck
from autograder.release import handout_of, write_release
from autograder.submit import Manifest


@pytest.fixture(scope="module")
def release(course: Course, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that students of the tiny course get."""
    folder = tmp_path_factory.mktemp("students") / "release"
    write_release(course, folder)
    return folder


@pytest.fixture(scope="module")
def handout(release: Path) -> Handout:
    """What that folder says of the course."""
    return read_handout(release)


def looked_at(handout: Handout, text: str) -> Precheck:
    """The check of a notebook of the tiny course."""
    return precheck(handout, handout["words"], text.encode())


def remarks(found: Precheck, rubric: str) -> tuple[str, ...]:
    """What is said of one line of the rubric."""
    return next(line.remarks for line in found.lines if line.rubric == rubric)


def submit(release: Path, notebook: Path, out: Path, *more: str, student: str = "an") -> int:
    """`autograder submit` as it runs from the release."""
    arguments = ["--course", str(release), "submit", "words", "--student", student, "--notebook", str(notebook)]
    return main([*arguments, "--out", str(out), *more])


def test_the_release_packs_on_its_own(release: Path, handed_in: Callable[..., str], tmp_path: Path) -> None:
    """The same command line works there, with nothing of the instructor's."""
    (tmp_path / "mine.ipynb").write_text(handed_in(theory_rare=None), "utf-8")
    environment = {"PATH": os.defpath, "PYTHONPATH": str(release), "HOME": str(tmp_path)}
    command = [sys.executable, "-W", "error", "-m", "autograder"]

    options = ["--student", "an", "--notebook", str(tmp_path / "mine.ipynb"), "--out", str(tmp_path / "out")]
    command += ["submit", "words", *options]
    done = subprocess.run(command, cwd=release, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "theory   1 of 2 attempted, 2 of 3 points in reach" in done.stdout
    assert "an_words.zip: with gaps: 1 points are out of reach." in done.stdout
    assert zipfile.is_zipfile(tmp_path / "out" / "an_words.zip")


def test_the_other_half_is_not_offered(capsys: pytest.CaptureFixture[str]) -> None:
    """Commands whose code students do not have are no commands there, and the help says whose they are."""
    for arguments, words in ((["grade", "submissions"], "invalid choice: 'grade'"), (["--help"], "instructors' half")):
        with pytest.raises(SystemExit):
            main(arguments)
        assert words in "".join(capsys.readouterr())


def test_manifest_says_what_was_packed_and_where(
    release: Path, handout: Handout, handed_in: Callable[..., str], tmp_path: Path
) -> None:
    """Only the notebook and the manifest; hashes of the file and of each text that counts, time, release, versions."""
    text = handed_in(code_count="def count(text):\n    return {}")
    (tmp_path / "mine.ipynb").write_text(text, "utf-8")
    assert submit(release, tmp_path / "mine.ipynb", tmp_path, student="Võ Thị An") == 0
    with zipfile.ZipFile(tmp_path / "Võ Thị An_words.zip") as archive:
        assert archive.namelist() == ["words.ipynb", "manifest.json"]
        assert archive.read("words.ipynb") == text.encode()
        manifest = Manifest.model_validate_json(archive.read("manifest.json"))
    assert (manifest.student, manifest.module, manifest.flags) == ("Võ Thị An", "words", ())
    assert manifest.release == handout.release != ""
    assert manifest.notebook == hashlib.sha256(text.encode()).hexdigest()
    assert manifest.cells["code-count"] == hashlib.sha256(b"def count(text):\n    return {}").hexdigest()
    assert set(manifest.cells) == set(manifest.attempted) == set(looked_at(handout, text).submission.answers)
    assert abs(manifest.time - dt.datetime.now(dt.UTC)) < dt.timedelta(hours=1)
    assert manifest.environment.packages["nbformat"]


def test_attempted_is_what_grading_calls_attempted(course: Course, handout: Handout, submissions: Path) -> None:
    """For everything that a class hands in, hashes of the given texts say the same as the source's stubs."""
    grader = ModuleGrader(course, "words")
    for path in sorted(submissions.glob("*/words/words.ipynb")):
        graded = read_submission(path, grader.lab)
        found = precheck(handout, handout["words"], path.read_bytes())
        assert found.submission == graded, path
        assert set(found.attempted) == {name for name in graded.answers if graded.attempted(name, grader.stubs)}, path


def test_a_blank_lab_is_all_gaps(course: Course, handout: Handout) -> None:
    """Nothing is attempted, each task is named once, and no point is in reach."""
    found = looked_at(handout, course.student_notebook("words").read_text("utf-8"))
    assert found.attempted == ()
    assert {line.rubric: (line.in_reach, line.possible) for line in found.lines} == {
        "theory": (0, 3),
        "code": (0, 4),
        "results": (0, 2),
        "report": (0, 1),
    }
    assert remarks(found, "report") == ("report-text: not written",)
    assert remarks(found, "code") == ("code-count: not attempted", "code-guard: not attempted")


@pytest.mark.parametrize(
    ("changes", "rubric", "words"),
    [
        ({"theory_rare": 'theory_rare = "Z"'}, "theory", "theory-rare: write one letter of ABC, such as"),
        ({"theory_kinds": 'theory_kinds = "B and D"'}, "theory", "theory-kinds: write "),
        ({"theory_rare": "theory_rare = None  # think"}, "theory", "theory-rare: not answered yet"),
        ({"theory_rare": 'answer = "A"'}, "theory", "theory-rare: nothing assigns theory_rare"),
        ({"code_count": "def count(text)\n    return {}"}, "code", "code-count: line 1 of the cell is not Python"),
        ({"code_guard": None}, "code", "code-guard: the grader will not find it"),
    ],
)
def test_what_looks_wrong_is_said(
    handout: Handout, handed_in: Callable[..., str], changes: dict[str, str | None], rubric: str, words: str
) -> None:
    """Answers of the wrong form, code that is no Python, cells that are gone: each by its cell, in its rubric line."""
    assert any(remark.startswith(words) for remark in remarks(looked_at(handout, handed_in(**changes)), rubric))


def test_computed_answers_and_magics_are_left_to_the_run(handout: Handout, handed_in: Callable[..., str]) -> None:
    """What only running can tell is no reason to complain."""
    text = handed_in(theory_rare='theory_rare = "ABC"[0]', code_count="%time\ndef count(text):\n    return {}")
    found = looked_at(handout, text)
    assert not [remark for line in found.lines for remark in line.remarks if "visible check" not in remark]


def test_saved_outputs_tell_what_the_visible_checks_said(course: Course, handout: Handout) -> None:
    """A check that failed or was not run is named; one that passed is not; what is not attempted is not repeated."""
    notebook = nbformat.read(course.instructor_notebook("words"), as_version=4)
    cells = {cell.id: cell for cell in notebook.cells}
    assert all(cells[name].execution_count for name in ("code-count-check", "code-guard-check"))
    cells["code-count-check"].outputs = [new_output("error", ename="Failure", evalue="not what\n was expected")]
    cells["code-guard-check"].execution_count = None
    cells["results-file"].source = next(
        cell.source
        for cell in nbformat.read(course.student_notebook("words"), as_version=4).cells
        if cell.id == "results-file"
    )
    cells["results-file-check"].outputs = [new_output("error", ename="Failure", evalue="no file")]
    found = looked_at(handout, str(nbformat.writes(notebook)))
    assert remarks(found, "code") == (
        "code-count-check: its visible check fails: not what was expected",
        "code-guard-check: its visible check was not run",
    )
    assert remarks(found, "results") == ("results-file: not attempted",)
    assert remarks(found, "theory") == ()


def test_run_executes_the_notebook_here(
    release: Path, handed_in: Callable[..., str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """--run says what the visible checks say now, whatever was saved, and leaves the notebook and the folder alone."""
    text = handed_in(code_count="def count(text):\n    return {'a': 1}")
    (tmp_path / "mine.ipynb").write_text(text, "utf-8")
    assert submit(release, tmp_path / "mine.ipynb", tmp_path / "out", "--run") == 0
    said = capsys.readouterr().out
    assert "code-count-check: its visible check fails: not what was expected input: 'a b a'" in said
    assert "code-guard-check" not in said
    assert (tmp_path / "mine.ipynb").read_text("utf-8") == text
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.ipynb", "out"]


def test_a_second_time_replaces_its_own_zip_and_nothing_else(
    release: Path, handed_in: Callable[..., str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is no earlier hand-in of this student stays, whatever it is."""
    notebook, packed = tmp_path / "mine.ipynb", tmp_path / "an_words.zip"
    for text in (handed_in(), handed_in(theory_rare='theory_rare = "C"')):
        notebook.write_text(text, "utf-8")
        assert submit(release, notebook, tmp_path) == 0
        with zipfile.ZipFile(packed) as archive:
            assert archive.read("words.ipynb") == text.encode()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["an_words.zip", "mine.ipynb"]
    packed.rename(tmp_path / "binh_words.zip")
    packed.write_text("my thesis")
    for student in ("an", "binh"):
        before = (tmp_path / f"{student}_words.zip").read_bytes()
        assert submit(release, notebook, tmp_path, student=student) == 1
        assert f"{student}_words.zip is no earlier hand-in of {student} and stays" in capsys.readouterr().err
        assert (tmp_path / f"{student}_words.zip").read_bytes() == before


@pytest.mark.parametrize("student", ["../an", "=1+1", "an/binh", "", "a" * 81, ".an", "an\n"])
def test_ids_that_grading_would_change_are_refused(
    release: Path, submissions: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], student: str
) -> None:
    """The rule for folders of submissions is the rule here."""
    assert submit(release, submissions / "full" / "words" / "words.ipynb", tmp_path, student=student) == 1
    assert "cannot be a student's id" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["truncated", "other", "list", "nobody"])
def test_only_what_the_grader_could_not_read_is_refused(
    release: Path, submissions: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    """A damaged file, another notebook, no file."""
    assert submit(release, submissions / name / "words" / "words.ipynb", tmp_path) == 1
    assert capsys.readouterr().err.startswith("autograder: ")
    assert not list(tmp_path.iterdir())


def test_duplicated_cells_and_old_formats_are_packed_with_a_note(
    release: Path, submissions: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It asks nothing: it packs, and says so."""
    assert submit(release, submissions / "duplicated" / "words" / "words.ipynb", tmp_path) == 0
    said = capsys.readouterr().out
    assert "note: duplicated cell theory-rare: 2 different texts, none was graded" in said
    assert "theory-rare: the grader will not find it" in said
    assert submit(release, submissions / "old" / "words" / "words.ipynb", tmp_path) == 0
    assert "note: old notebook format 3, converted" in capsys.readouterr().out


def test_a_language_is_known_by_its_own_texts(
    course: Course, release: Path, handout: Handout, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An untouched cell of labs/vi is not attempted, and --lang finds the notebook."""
    notebook = nbformat.read(course.student_notebook("words"), as_version=4)
    next(cell for cell in notebook.cells if cell.id == "report-text").source = "*Viết ở đây.*"
    translated = tmp_path / "labs" / "vi" / "words" / "words.ipynb"
    translated.parent.mkdir(parents=True)
    nbformat.write(notebook, translated)
    assert looked_at(handout, translated.read_text("utf-8")).attempted == ("report-text",)
    given = handout_of(course, [load_lab(course, "words")], folder=tmp_path / "labs", release="vi")
    assert looked_at(given, translated.read_text("utf-8")).attempted == ()
    (tmp_path / "autograder").mkdir()
    (tmp_path / "autograder" / "handout.json").write_text(given.model_dump_json(), "utf-8")
    arguments = ["--course", str(tmp_path), "submit", "words", "--student", "an", "--lang", "vi"]
    assert main([*arguments, "--out", str(tmp_path / "out")]) == 0
    assert "report-text: not written" in capsys.readouterr().out
    assert main([*arguments[:-1], "fr"]) == 1
    assert "labs/fr/words/words.ipynb does not exist" in capsys.readouterr().err


def test_a_folder_that_is_no_course_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No handout, a damaged one, no such module."""
    arguments = ["--course", str(tmp_path), "submit", "words", "--student", "an"]
    assert main(arguments) == 1
    assert "no course here" in capsys.readouterr().err
    (tmp_path / "autograder").mkdir()
    (tmp_path / "autograder" / "handout.json").write_text("{}")
    assert main(arguments) == 1
    assert "is damaged" in capsys.readouterr().err
    (tmp_path / "autograder" / "handout.json").write_text(
        json.dumps({"title": "", "release": "", "rubric": {}, "modules": []})
    )
    assert main(arguments) == 1
    assert "there is no module 'words'" in capsys.readouterr().err
