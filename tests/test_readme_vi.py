"""The Vietnamese READMEs give the same commands as the English ones, and show what is translated."""

from __future__ import annotations

import re
from pathlib import Path

from autograder.course import load_course

ROOT = Path(__file__).parents[1]
ENGLISH, VIETNAMESE = ((ROOT / name).read_text("utf-8") for name in ("README.md", "README.vi.md"))


def commands(text: str) -> list[str]:
    """The lines of a text's bash blocks, without their comments."""
    blocks = re.findall(r"```bash\n(.*?)```", text, re.DOTALL)
    return [line.partition("#")[0].strip() for block in blocks for line in block.splitlines()]


def test_commands_are_those_of_the_readme() -> None:
    """What a Vietnamese reader types stands in the README, too, apart from the translator's two commands."""
    own = [command for command in commands(VIETNAMESE) if command not in commands(ENGLISH)]
    build = ".venv/bin/autograder build --lang vi"
    assert own == [f"{build} --draft 02_registry", build]


def test_students_read_the_same_commands() -> None:
    """What a release says in Vietnamese is what it says in English."""
    english, vietnamese = (
        (ROOT / "assets" / "release" / name).read_text("utf-8") for name in ("README.md", "README.vi.md")
    )
    assert commands(vietnamese) == commands(english)


def test_every_module_is_in_the_table() -> None:
    """Each module is linked, and in Vietnamese where it is translated; every link leads to a file."""
    course = load_course(ROOT)
    for module in course.modules:
        link = f"labs/{module.id}/{module.id}.ipynb"
        assert link in VIETNAMESE
        assert (link.replace("labs/", "labs/vi/") in VIETNAMESE) == (module.id in course.languages["vi"].notebooks)
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", VIETNAMESE):
        assert (ROOT / target).exists(), target
