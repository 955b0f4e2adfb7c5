"""What running a notebook makes of a cell's outputs."""

from __future__ import annotations

import shutil
from pathlib import Path

from nbformat.v4 import new_output

from autograder.course import load_course
from autograder.grading import ModuleGrader
from autograder.run import _joined
from autograder.trial import whole_submission
from tests.autograder.conftest import TINY


def test_neighbouring_prints_are_one_output() -> None:
    """Prints that follow each other become one text; another stream or a display between them keeps its place."""
    out, err = (lambda text, name=name: new_output("stream", name=name, text=text) for name in ("stdout", "stderr"))
    shown = new_output("display_data", data={"text/plain": "3"})
    joined = _joined([out("a"), out("b\n"), err("c"), shown, out("d")])
    assert [o.get("text") for o in joined] == ["ab\n", "c", None, "d"]
    assert joined[2] == shown


def test_a_cell_is_heard_after_a_thousand_questions(tmp_path: Path) -> None:
    """What is published about the grader's questions fills no queue: the next cell's print is kept."""
    shutil.copytree(TINY / "solutions", tmp_path / "solutions")
    source = tmp_path / "solutions" / "words.py"
    asked = 'expect(count("a b a"), {"a": 2, "b": 1}, given="a b a")\n'
    after = 'print("heard")\n\n# %% id="code-guard" task=true'
    text = source.read_text("utf-8").replace(asked, f"for _ in range(1_200):\n    {asked}", 1)
    source.write_text(text.replace('# %% id="code-guard" task=true', f'# %% id="after"\n{after}', 1), "utf-8")
    grader = ModuleGrader(load_course(tmp_path), "words")
    notebook = grader.grade_submission(whole_submission(grader), "full").notebook
    grader.sandbox.close()
    (cell,) = [cell for cell in notebook.cells if cell.id == "after"]
    assert [output.text for output in cell.outputs] == ["heard\n"]
