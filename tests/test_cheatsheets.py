"""The cheat sheets: one a module, each a page; their examples run, and those of the self-check."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from autograder.course import load_course

ROOT = Path(__file__).parents[1]
SHEETS = sorted((ROOT / "labs" / "guide" / "cheatsheets").glob("*.md"))
EXAMPLES = [*SHEETS, ROOT / "labs" / "guide" / "prerequisites.md"]
PARTS = ["Commands and calls", "Formulas", "Three classic mistakes", "When … do …"]


def test_each_module_has_a_sheet() -> None:
    """And no sheet is left of a module that is gone."""
    assert [sheet.stem for sheet in SHEETS] == [module.id for module in load_course(ROOT).modules]


@pytest.mark.parametrize("sheet", SHEETS, ids=lambda sheet: sheet.stem)
def test_a_sheet_has_the_same_parts_and_fits_on_a_page(sheet: Path) -> None:
    """Vocabulary, calls, formulas, three mistakes and what to do when; some eighty lines beside the examples."""
    text = sheet.read_text("utf-8")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == PARTS
    assert len(re.findall(r"^\d\. ", text, re.MULTILINE)) == 3
    assert len(re.sub(r"```.*?```", "", text, flags=re.DOTALL).splitlines()) < 90


@pytest.mark.thorough
def test_examples_run(tmp_path: Path) -> None:
    """Each page's Python runs from the top in a folder of its own; all in one process, which imports MLflow once."""
    program = ["import os"]
    for sheet in EXAMPLES:
        (tmp_path / sheet.stem).mkdir()
        code = "\n".join(blocks(sheet, "python"))
        program += [
            f"os.chdir({str(tmp_path / sheet.stem)!r})",
            f"exec(compile({code!r}, {sheet.name!r}, 'exec'), {{}})",
        ]
        program += [f"print({sheet.stem!r}, 'ran')"]
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(program)], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert re.findall(r"^(\w+) ran$", done.stdout, re.MULTILINE) == [sheet.stem for sheet in EXAMPLES]


def test_yaml_of_the_sheets_is_yaml() -> None:
    """The workflow has jobs that need each other, the rule an expression and a `for`."""
    (workflow,) = blocks(SHEETS[3], "yaml")
    (rules,) = blocks(SHEETS[4], "yaml")
    assert yaml.safe_load(workflow)["jobs"]["publish"]["needs"] == ["spelling"]
    assert yaml.safe_load(rules)["groups"][0]["rules"][0]["for"] == "15m"


def blocks(sheet: Path, language: str) -> list[str]:
    """The fenced examples of a sheet."""
    return re.findall(rf"```{language}\n(.*?)```", sheet.read_text("utf-8"), re.DOTALL)
