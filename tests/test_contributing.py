"""The worked example of CONTRIBUTING.md: followed to the letter, it builds, and its audit finds nothing."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from autograder.cli import main

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
BLOCKS = re.findall(r"```(?:python|toml)\n(.*?)```", TEXT, re.DOTALL)


@pytest.fixture(scope="module")
def mine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny course with the question that the page adds, its points and its known submissions."""
    cells, rubric, wrong, alternative, submissions = BLOCKS
    folder = tmp_path_factory.mktemp("course") / "out" / "mine"
    shutil.copytree(ROOT / "tests" / "courses" / "tiny" / "solutions", folder / "solutions")
    source, settings = folder / "solutions" / "words.py", folder / "solutions" / "course.toml"
    before, marker, after = source.read_text("utf-8").partition('# %% id="results-file" task=true')
    source.write_text(before + cells + marker + after, "utf-8")
    said = re.sub(r"^rubric = .*\n", rubric, settings.read_text("utf-8"), flags=re.MULTILINE)
    settings.write_text(submissions + said, "utf-8")
    for name, text in (("wrong_last_of_equals", wrong), ("alt_max", alternative)):
        known = folder / "known" / "words" / f"{name}.py"
        assert str(known.relative_to(folder.parents[1])) in TEXT
        known.parent.mkdir(parents=True, exist_ok=True)
        known.write_text(text, "utf-8")
    return folder


def commands() -> list[list[str]]:
    """The words after `autograder` in the page's two commands on the copy."""
    return [
        line.split()[1:] for line in re.findall(r"^\.venv/bin/autograder --course out/mine .+$", TEXT, re.MULTILINE)
    ]


def test_the_example_is_built_and_proved(mine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its two commands end well: the mistake loses, the alternative keeps, and every fault put in is noticed."""
    monkeypatch.chdir(mine.parents[1])
    assert [main(words) for words in commands()] == [0, 0]
    found = json.loads((mine / "audit.json").read_text("utf-8"))["words"]
    assert found["wrong"]["last_of_equals"]["code"] == found["solution"]["code"] - 2
    assert found["alt"]["max"]["total"] == found["solution"]["total"]
    assert found["mutants"]["total"] == found["mutants"]["killed"] > 3


def test_the_points_are_counted(mine: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without the new line `rubric` the build refuses, as the page says."""
    shutil.copytree(mine / "solutions", tmp_path / "solutions")
    settings = tmp_path / "solutions" / "course.toml"
    settings.write_text(settings.read_text("utf-8").replace("code = 6", "code = 4"), "utf-8")
    assert main(["--course", str(tmp_path), "build", "words"]) == 1
    assert "code" in capsys.readouterr().err
