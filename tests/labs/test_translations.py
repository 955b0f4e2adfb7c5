"""The notebooks in other languages: the English ones but for their texts, and every link in them leads somewhere."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

import nbformat
import pytest

from autograder.languages import stale_translations
from tests.labs.submissions import COURSE

PAIRS = [(code, name) for code, language in COURSE.languages.items() for name in language.notebooks]


@pytest.mark.parametrize(("language", "notebook"), PAIRS)
def test_translations_are_current(language: str, notebook: str) -> None:
    """Each text was made from today's English, and the built notebook is what it makes."""
    assert stale_translations(COURSE, [(language, notebook)]) == []


@pytest.mark.parametrize(("language", "notebook"), PAIRS)
def test_only_texts_differ(language: str, notebook: str) -> None:
    """Code, metadata and outputs are the same, cell by cell; each text is another, in composed letters, as typed."""
    english, other = (
        nbformat.read(COURSE.translated_notebook(code, notebook), as_version=4).cells for code in ("", language)
    )
    assert [cell.id for cell in other] == [cell.id for cell in english]
    for one, two in zip(english, other, strict=True):
        if one.cell_type == "code" or "nbgrader" in one.metadata:
            assert one == two, one.id
        else:
            assert one.source != two.source, one.id
            assert unicodedata.is_normalized("NFC", two.source), one.id


@pytest.mark.parametrize(("language", "notebook"), PAIRS)
def test_stated_minutes_are_the_same(language: str, notebook: str) -> None:
    """A heading's minutes are those of the English heading."""
    stated = [
        re.findall(r"^\*\*[^*\n]*?: (\d+)[^*\n]*\*\*$", "\n".join(cell.source for cell in cells), re.MULTILINE)
        for cells in (
            nbformat.read(COURSE.translated_notebook(code, notebook), as_version=4).cells for code in ("", language)
        )
    ]
    assert stated[0] == stated[1]


@pytest.mark.parametrize(("language", "notebook"), PAIRS)
def test_links_lead_somewhere(language: str, notebook: str) -> None:
    """Relative links point at files of the repository."""
    path = COURSE.translated_notebook(language, notebook)
    for cell in nbformat.read(path, as_version=4).cells:
        for target in re.findall(r"\]\((?![a-z]+:|#)([^)#\s]+)", cell.source if cell.cell_type == "markdown" else ""):
            assert (path.parent / Path(target)).exists(), target
