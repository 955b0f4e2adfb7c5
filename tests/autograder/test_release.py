"""What students get holds nothing of the instructor's."""

from __future__ import annotations

import ast
import shutil
from pathlib import Path

import pytest

import autograder
from autograder.course import Course, load_course
from autograder.errors import GraderError
from autograder.handout import read_handout
from autograder.release import STUDENT_HALF, leaks, write_release


def test_release_holds_labs_and_the_student_half(course: Course, tmp_path: Path) -> None:
    """Labs, the module that they import and what packs them are there; the grader is not."""
    write_release(course, tmp_path / "release")
    files = {
        str(path.relative_to(tmp_path / "release")) for path in (tmp_path / "release").rglob("*") if path.is_file()
    }
    ours = {f"autograder/{name}" for name in STUDENT_HALF}
    assert files == {"labs/words/words.ipynb", "autograder/handout.json", *ours}
    assert leaks(course, tmp_path / "release") == []


def test_the_student_half_imports_nothing_of_the_other(course: Course, tmp_path: Path) -> None:
    """Whatever a module of it imports of ours is in the release too, at the top of the file or inside a function."""
    for name in STUDENT_HALF:
        tree = ast.parse((Path(autograder.__file__).parent / name).read_text("utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and str(node.module).startswith("autograder."):
                assert f"{str(node.module).split('.')[1]}.py" in STUDENT_HALF, f"{name} imports {node.module}"


def test_two_releases_of_one_course_have_one_number(course: Course, tmp_path: Path) -> None:
    """It changes with any file that students get, and with nothing else."""
    numbers = []
    for name in ("one", "two", "three"):
        if name == "three":
            shutil.copytree(course.root, tmp_path / "course")
            (tmp_path / "course" / "labs" / "note.md").write_text("read me")
            course = load_course(tmp_path / "course")
        write_release(course, tmp_path / name)
        numbers.append(read_handout(tmp_path / name).release)
    assert numbers[0] == numbers[1] != numbers[2]


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
