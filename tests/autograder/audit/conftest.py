"""Variants of the tiny course: other cells, known submissions, declared mutants."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from autograder.course import Course, load_course

TINY = Path(__file__).parents[2] / "courses" / "tiny"


@pytest.fixture
def variant(tmp_path: Path) -> Callable[..., Course]:
    """The tiny course with pieces of its source replaced, and files beside it (name in `known/words/` → text)."""

    def make(*replaced: tuple[str, str], **files: str) -> Course:
        shutil.copytree(TINY / "solutions", tmp_path / "solutions", ignore=shutil.ignore_patterns("words"))
        source = tmp_path / "solutions" / "words.py"
        text = source.read_text("utf-8")
        for old, new in replaced:
            assert text.count(old) == 1, old
            text = text.replace(old, new)
        source.write_text(text, "utf-8")
        settings = tmp_path / "solutions" / "course.toml"
        settings.write_text('submissions = "known"\n' + settings.read_text("utf-8"), "utf-8")
        folder = tmp_path / "known" / "words"
        folder.mkdir(parents=True)
        for name, content in files.items():
            (folder / (name if name.endswith(".toml") else f"{name}.py")).write_text(content, "utf-8")
        return load_course(tmp_path)

    return make
