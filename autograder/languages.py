"""The notebooks of a second language: built beside the English ones, from their code and the translated texts."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

from nbformat import NotebookNode

from autograder.build import load_lab, load_page, notebook_text, student_notebook, write_notebook
from autograder.course import Course
from autograder.errors import GraderError, SourceError
from autograder.models import Lab
from autograder.translation import Draft, drafted, translated
from autograder.visible import reject_visible_values

_LINK = re.compile(r"""(\]\(|(?:src|href)=")(?![a-z]+:|[#/])([^)"\s]+)""")


def translations(course: Course, notebooks: Iterable[str], language: str | None = None) -> list[tuple[str, str]]:
    """Pairs (language, notebook): which of `notebooks` course.toml declares in `language`, or in any without it."""
    if language is not None and language not in course.languages:
        raise GraderError(
            f"course.toml has no language {language!r}; it has {', '.join(course.languages) or 'none'}. "
            f'Begin one with [languages.{language}] notebooks = ["…"]'
        )
    chosen = [language] if language is not None else [*course.languages]
    return [(code, name) for code in chosen for name in notebooks if name in course.languages[code].notebooks]


def build_translation(course: Course, language: str, notebook: str) -> None:
    """Write `labs/<language>/…` from the English source and its translation; SourceError when that is not current."""
    write_notebook(_translated_notebook(course, language, notebook), course.translated_notebook(language, notebook))


def stale_translations(course: Course, pairs: Iterable[tuple[str, str]]) -> list[str]:
    """What is missing, stale or unfit in these translations, and built notebooks that are not theirs, as reasons."""
    stale = []
    for language, notebook in pairs:
        path = course.translated_notebook(language, notebook)
        try:
            wanted = notebook_text(_translated_notebook(course, language, notebook))
        except SourceError as error:
            stale.append(str(error))
            continue
        if not path.exists() or path.read_text("utf-8") != wanted:
            stale.append(
                f"{path.relative_to(course.root)} is not what {language}/{notebook}.py makes; run `make build`"
            )
    return stale


def write_draft(course: Course, language: str, notebook: str) -> tuple[Path, Draft]:
    """Bring `solutions/<language>/<notebook>.py` up to the English source, with what is to be done marked in it."""
    path = course.translation_source(language, notebook)
    draft = drafted(_english(course, notebook), path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(draft.content, "utf-8")
    part.replace(path)
    return path.relative_to(course.root), draft


def _english(course: Course, notebook: str) -> Lab:
    return load_page(course, notebook) if notebook in course.pages else load_lab(course, notebook)


def _translated_notebook(course: Course, language: str, notebook: str) -> NotebookNode:
    lab = translated(_english(course, notebook), course.translation_source(language, notebook))
    made = student_notebook(lab)
    reject_visible_values(lab, made)
    for cell in made.cells:
        if cell.cell_type == "markdown" and lab[cell.id].role == "plain":
            cell.source = _relinked(cell.source, course, language, notebook)
    return made


def _relinked(text: str, course: Course, language: str, notebook: str) -> str:
    """`text` with its relative links, written as from the English notebook, leading to the same from its own folder.

    A link to a notebook that the language has leads to that one.
    """
    own = {
        course.translated_notebook("", name): course.translated_notebook(language, name)
        for name in course.languages[language].notebooks
    }
    english, here = (
        course.translated_notebook("", notebook).parent,
        course.translated_notebook(language, notebook).parent,
    )

    def moved(link: re.Match[str]) -> str:
        target, mark, place = link[2].partition("#")
        path = Path(os.path.normpath(english / target))
        return link[1] + Path(os.path.relpath(own.get(path, path), here)).as_posix() + mark + place

    return _LINK.sub(moved, text)
