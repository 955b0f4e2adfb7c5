"""What students get holds nothing of the instructor's."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from autograder.course import Course, load_course
from autograder.errors import GraderError
from autograder.release import leaks, write_release


def test_release_holds_labs_and_the_student_half(course: Course, tmp_path: Path) -> None:
    """Labs and the module that they import are there; the grader is not."""
    write_release(course, tmp_path / "release")
    files = {
        str(path.relative_to(tmp_path / "release")) for path in (tmp_path / "release").rglob("*") if path.is_file()
    }
    assert files == {
        "labs/words/words.ipynb", "autograder/__init__.py", "autograder/lab.py", "autograder/progress.py",
    }  # fmt: skip
    assert leaks(course, tmp_path / "release") == []


def test_a_second_release_replaces_the_first(course: Course, tmp_path: Path) -> None:
    """Nothing of an older release stays behind."""
    write_release(course, tmp_path / "release")
    (tmp_path / "release" / "old.txt").write_text("old")
    write_release(course, tmp_path / "release")
    assert not (tmp_path / "release" / "old.txt").exists()


@pytest.mark.parametrize("planted", ["solutions/words/words.ipynb", "solutions/words.py"])
def test_leaks_are_found(course: Course, tmp_path: Path, planted: str) -> None:
    """A solution that got into the folder is named, and a release that would hold it is not written."""
    copy = tmp_path / "course"
    shutil.copytree(course.root, copy)
    shutil.copy(copy / planted, copy / "labs" / "words" / f"extra{Path(planted).suffix}")
    with pytest.raises(GraderError, match=r"would give away:\n  labs/words/extra"):
        write_release(load_course(copy), tmp_path / "release")
    assert not (tmp_path / "release").exists()


def test_one_stray_line_of_a_solution_is_a_leak(course: Course, tmp_path: Path) -> None:
    """Even a single telling line is found."""
    (tmp_path / "notes.txt").write_text('lines = [f"{word} {number}" for word, number in sorted(count(text).items())]')
    assert len(leaks(course, tmp_path)) == 1
