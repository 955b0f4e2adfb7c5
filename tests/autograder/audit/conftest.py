"""Variants of the tiny course: other cells, known submissions, declared mutants."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from autograder.course import Course, load_course

TINY = Path(__file__).parents[2] / "courses" / "tiny"


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where variants stand, one after the other: the process that runs submissions is started once for this folder."""
    return tmp_path_factory.mktemp("variants") / "course"


@pytest.fixture
def variant(place: Path) -> Iterator[Callable[..., Course]]:
    """The tiny course with pieces of its source replaced, and files beside it (name in `known/words/` → text)."""

    def make(*replaced: tuple[str, str], **files: str) -> Course:
        shutil.copytree(TINY / "solutions", place / "solutions", ignore=shutil.ignore_patterns("words"))
        source = place / "solutions" / "words.py"
        text = source.read_text("utf-8")
        for old, new in replaced:
            assert text.count(old) == 1, old
            text = text.replace(old, new)
        source.write_text(text, "utf-8")
        settings = place / "solutions" / "course.toml"
        settings.write_text('submissions = "known"\n' + settings.read_text("utf-8"), "utf-8")
        folder = place / "known" / "words"
        folder.mkdir(parents=True)
        for name, content in files.items():
            (folder / (name if name.endswith(".toml") else f"{name}.py")).write_text(content, "utf-8")
        return load_course(place)

    yield make
    shutil.rmtree(place, ignore_errors=True)
