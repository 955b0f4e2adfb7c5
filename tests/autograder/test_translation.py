"""A second language: the same code and points, texts that are current or refused, and drafts that keep work."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import nbformat
import pytest

from autograder.build import load_lab
from autograder.cli import main
from autograder.course import Course, load_course
from autograder.errors import GraderError, SourceError
from autograder.grading import ModuleGrader
from autograder.languages import build_translation, stale_translations, translations, write_draft
from autograder.release import write_release

PAIR = ("vi", "words")
INTRO, QUESTION = (
    "# Đếm từ\nMột khóa học nhỏ.",
    "Từ nào mang nghĩa? `rare`: **A** từ hiếm. **B** từ hay gặp. **C** không từ nào.",
)


@pytest.fixture
def copy(course: Course, tmp_path: Path) -> Course:
    """The tiny course with a question that holds code and bold letters, and its translation, current."""
    root = shutil.copytree(course.root, tmp_path / "course")
    with (root / "solutions" / "course.toml").open("a", encoding="utf-8") as file:
        file.write('[languages.vi]\nnotebooks = ["words"]\n')
    rewrite(
        root / "solutions" / "words.py",
        "A: the rare ones. B: the frequent ones. C: none.",
        "`rare`: **A** the rare ones. **B** the frequent ones. **C** none.",
    )
    copied = load_course(root)
    path, _ = write_draft(copied, *PAIR)
    finish(root / path, "# # Counting words\n# A small course that has nothing to do with machine learning.", INTRO)
    finish(
        root / path,
        "# Which words carry the meaning? `rare`: **A** the rare ones. **B** the frequent ones. **C** none.",
        QUESTION,
    )
    return copied


def rewrite(path: Path, old: str, new: str) -> None:
    """Replace `old`, which must stand in the file once."""
    text = path.read_text("utf-8")
    assert text.count(old) == 1, old
    path.write_text(text.replace(old, new), "utf-8")


def finish(path: Path, english: str, text: str) -> None:
    """Write a translation over a draft's English and take its mark away."""
    rewrite(path, f' todo="new"\n{english}', "\n" + "\n".join(f"# {line}" for line in text.split("\n")))


def vietnamese(course: Course) -> Path:
    return course.translation_source(*PAIR)


def test_a_translation_has_other_texts_and_the_same_code(copy: Course) -> None:
    """Ids, code and nbgrader's checksums are those of the English notebook; a second build makes the same bytes."""
    build_translation(copy, *PAIR)
    path = copy.root / "labs" / "vi" / "words" / "words.ipynb"
    first = path.read_bytes()
    build_translation(copy, *PAIR)
    assert path.read_bytes() == first
    english, other = (nbformat.read(p, as_version=4) for p in (copy.student_notebook("words"), path))
    assert [cell for cell in other.cells if cell.id not in ("words-intro", "words-question")] == [
        cell for cell in english.cells if cell.id not in ("words-intro", "words-question")
    ]
    assert [cell.id for cell in other.cells] == [cell.id for cell in english.cells]
    assert [cell.source for cell in other.cells if cell.id.startswith("words-")] == [INTRO, QUESTION]
    assert stale_translations(copy, [PAIR]) == []


def test_it_is_graded_as_the_english_one_is(copy: Course) -> None:
    """Filled, a Vietnamese notebook earns what the solution earns; unfilled, nothing, and it waits for no mark."""
    build_translation(copy, *PAIR)
    path = copy.translated_notebook(*PAIR)
    grader = ModuleGrader(copy, "words")
    blank = grader.grade_file(path, "blank").grade
    notebook, lab = nbformat.read(path, as_version=4), load_lab(copy, "words")
    for cell in notebook.cells:
        if lab[cell.id].role in ("task", "written"):
            cell.source = lab[cell.id].source
    nbformat.write(notebook, path)
    filled = grader.grade_file(path, "filled").grade
    assert (blank.total, blank.pending, blank.flags) == (0, 0, ())
    assert (filled.theory, filled.code, filled.results, filled.pending, filled.flags) == (3, 4, 2, 1, ())


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("# Từ nào", '# %% [markdown] id="x"\n# Từ nào', r"vi/words.py:6: 'x' is no cell of words.py"),
        ("# Từ nào", '# %% [markdown] id="words-intro"\n# Từ nào', r"'words-intro' is translated already on line 1"),
        (
            "# Từ nào",
            '# %% [markdown] id="report-text"\n# Từ nào',
            r"'report-text' is code, or a text that students write",
        ),
        ('id="words-question"', 'id="words-question" todo="changed"', "'words-question' is still to be translated"),
        ('id="words-question"', 'id="words-question" sorce="1"', r"vi/words.py:5: cell header: sorce"),
        ('[markdown] id="words-question"', 'id="words-question"', "holds markdown cells only, and this is code"),
        ("`rare`", "`hiếm`", r"lacks code of the English text: `rare`(.|\n)*that the English text lacks: `hiếm`"),
        ("**C**", "C", "offers the letters A B and the English text A B C"),
        ("Một khóa học nhỏ", "### BEGIN SOLUTION", "holds '### BEGIN SOLUTION', and the build takes nothing out"),
        ("Một khóa học nhỏ", "<!-- English now:\n# x -->", "holds '<!-- English now:', and the build takes"),
    ],
)
def test_texts_that_are_no_translation_do_not_build(copy: Course, old: str, new: str, message: str) -> None:
    """Each fault is named with file, line, cell and the way out, and nothing is written."""
    rewrite(vietnamese(copy), old, new)
    with pytest.raises(SourceError, match=message):
        build_translation(copy, *PAIR)
    assert not copy.translated_notebook(*PAIR).exists()


def test_a_stale_text_shows_what_changed(copy: Course) -> None:
    """When the English changes, the build fails and, where git has the old text, shows the difference."""
    git = ["git", "-C", str(copy.root), "-c", "user.name=a", "-c", "user.email=a@b.example"]
    for words in (["init", "--quiet"], ["add", "solutions"], ["commit", "--quiet", "--message=English"]):
        subprocess.run([*git, *words], check=True)
    build_translation(copy, *PAIR)
    rewrite(copy.source("words"), "A small course that", "A tiny course that")
    (reason,) = stale_translations(copy, [PAIR])
    assert "vi/words.py:1: 'words-intro' was made from another English text than stands in words.py:1" in reason
    assert "\n    -A small course that has" in reason
    assert "\n    +A tiny course that has" in reason
    assert "`autograder build --lang vi --draft words`" in reason


def test_a_missing_text_and_a_missing_file_are_named(copy: Course, capsys: pytest.CaptureFixture[str]) -> None:
    """Without --lang the declared languages are built and checked, too."""
    text = vietnamese(copy).read_text("utf-8")
    vietnamese(copy).write_text(text[: text.index("\n# %%", 1)], "utf-8")
    assert main(["--course", str(copy.root), "build", "--check"]) == 1
    assert "vi/words.py has no text for 'words-question' (words.py:" in capsys.readouterr().out
    vietnamese(copy).unlink()
    assert main(["--course", str(copy.root), "build", "--no-execute"]) == 1
    assert "vi/words.py does not exist; `autograder build --lang vi --draft words` begins it" in capsys.readouterr().err


def test_check_compares_the_built_notebook(copy: Course, capsys: pytest.CaptureFixture[str]) -> None:
    """A notebook that was not built, or was edited, is stale; `--lang` looks at that language alone."""
    command = ["--course", str(copy.root), "build", "--lang", "vi"]
    assert main([*command, "--check"]) == 1
    assert "labs/vi/words/words.ipynb is not what vi/words.py makes" in capsys.readouterr().out
    assert main(command) == 0
    assert main([*command, "--check"]) == 0
    assert capsys.readouterr().out == "vi/words: built\n1 notebooks are up to date\n"


def test_a_draft_keeps_what_is_current_and_marks_the_rest(copy: Course, capsys: pytest.CaptureFixture[str]) -> None:
    """A changed text stands below its English, a new one is English, a renamed cell's moves along; twice as once."""
    source = copy.source("words")
    rewrite(source, "A small course that", "A tiny course that")
    rewrite(source, 'id="words-question"', 'id="question"')
    rewrite(
        source, '# %% [markdown] id="question"', '# %% [markdown] id="more"\n# More.\n\n# %% [markdown] id="question"'
    )
    for _ in range(2):
        assert main(["--course", str(copy.root), "build", "--lang", "vi", "--draft", "words"]) == 0
        assert capsys.readouterr().out == "solutions/vi/words.py: 1 current, 1 new, 1 changed\n"
    text = vietnamese(copy).read_text("utf-8")
    assert 'todo="changed"\n# <!-- English now:\n# # Counting words\n# A tiny course' in text
    assert "-->\n# # Đếm từ\n# Một khóa học nhỏ.\n\n" in text
    assert 'todo="new"\n# More.\n' in text
    assert f"# {QUESTION}\n" in text
    rewrite(source, '# %% [markdown] id="more"\n# More.\n\n', "")
    assert write_draft(copy, *PAIR)[1].dropped == ("more",)


def test_links_lead_where_the_english_ones_do(copy: Course) -> None:
    """A link is written as in English; to a notebook of the language it leads to that one, else to the English file."""
    links = "[guide](../guide/a.md#b) [self](words.ipynb#c) [page](../start.ipynb) [web](https://example.org/x)"
    rewrite(vietnamese(copy), "Một khóa học nhỏ.", f'{links} <img src="../pictures/x.png"> [here](#y)')
    build_translation(copy, *PAIR)
    text = copy.translated_notebook(*PAIR).read_text("utf-8")
    for link in ("(../../guide/a.md#b)", "(words.ipynb#c)", "(../../start.ipynb)", "(https://example.org/x)", "(#y)"):
        assert link in text
    assert "../../pictures/x.png" in text


def test_a_release_holds_the_language_and_refuses_its_leaks(copy: Course, tmp_path: Path) -> None:
    """Students get labs/vi/; a line of the solution in it is a leak like any other."""
    build_translation(copy, *PAIR)
    write_release(copy, tmp_path / "release")
    assert (tmp_path / "release" / "labs" / "vi" / "words" / "words.ipynb").exists()
    rewrite(
        copy.translated_notebook(*PAIR), "Một khóa học nhỏ.", 'raise ValueError(\\"no words to take the first of\\")'
    )
    with pytest.raises(GraderError, match=r"would give away:\n  labs/vi/words/words.ipynb: 'raise ValueError"):
        write_release(copy, tmp_path / "release")


def test_a_language_is_declared_exactly(copy: Course) -> None:
    """An unknown language, a notebook that is none and a misspelt key are refused with what there is."""
    with pytest.raises(GraderError, match="no language 'fr'; it has vi"):
        translations(copy, ["words"], "fr")
    path = copy.root / "solutions" / "course.toml"
    rewrite(path, 'notebooks = ["words"]', 'notebooks = ["wrods"]')
    with pytest.raises(GraderError, match=r"languages\.vi: wrods is neither a page nor a module"):
        load_course(copy.root)
    rewrite(path, 'notebooks = ["wrods"]', 'notebook = ["words"]')
    with pytest.raises(GraderError, match="notebook: Extra inputs"):
        load_course(copy.root)
