"""What students open: no outputs, no answers, the halves in balance, and never a crash while unfilled."""

from __future__ import annotations

import ast
import re
import textwrap
from functools import cache, partial

import nbformat
import pytest

from autograder.build import load_lab, minutes
from autograder.source import BEGIN_HIDDEN, BEGIN_SOLUTION
from tests.labs.submissions import COURSE, MODULES

lab_of = cache(partial(load_lab, COURSE))  # to read one takes as long as to look at it in every way
PAIRS = [(module, COURSE.student_notebook(module)) for module in MODULES]


@pytest.mark.parametrize(("module", "path"), PAIRS, ids=MODULES)
def test_student_notebooks_hold_no_outputs_and_no_answers(module: str, path) -> None:
    """No output, no execution count, no solution region, no hidden test."""
    for cell in nbformat.read(path, as_version=4).cells:
        assert not cell.get("outputs"), cell.id
        assert cell.get("execution_count") is None, cell.id
        assert BEGIN_SOLUTION not in cell.source, cell.id
        assert BEGIN_HIDDEN not in cell.source, cell.id


@pytest.mark.parametrize("module", MODULES)
def test_shown_numbers_are_rounded(module: str) -> None:
    """Another processor computes other last digits: a solution that shows them is no replay elsewhere."""
    for cell in nbformat.read(COURSE.instructor_notebook(module), as_version=4).cells:
        for output in cell.get("outputs", ()):
            text = output.get("text") or output.get("data", {}).get("text/plain", "")
            assert not re.findall(r"\b\d+\.\d{8,}", text), cell.id


@pytest.mark.parametrize("module", MODULES)
def test_half_theory_half_practice(module: str) -> None:
    """Theory is 45–55 % of the minutes that the sections state, and the headings say the same minutes."""
    lab = lab_of(module)
    split = minutes(lab)
    assert 0.45 <= split["theory"] / sum(split.values()) <= 0.55
    for cell in lab.cells:
        if cell.minutes:
            assert f"**Minutes: {cell.minutes:g}" in cell.source, cell.id


@pytest.mark.parametrize("module", MODULES)
def test_theory_has_the_length_of_a_lesson(module: str) -> None:
    """1,200 to 2,000 words of theory, questions aside, in cells that one can take in at a glance."""
    lab = lab_of(module)
    practice = next(i for i, cell in enumerate(lab.cells) if cell.half == "practice")
    prose = [c for c in lab.cells[:practice] if c.kind == "markdown" and not c.source.startswith("**Question")]
    words = {cell.id: len(re.findall(r"\w+", cell.source)) for cell in prose}
    assert 1_200 <= sum(words.values()) <= 2_000
    assert max(words.values()) <= 200, max(words, key=words.get)


@pytest.mark.parametrize("module", MODULES)
def test_at_most_eighty_statements_to_write(module: str) -> None:
    """The solutions of the practice half together stay within what a learner can write in the time."""
    regions = [
        textwrap.indent(textwrap.dedent(region), "    ")
        for cell in lab_of(module).with_role("task")
        if cell.rubric != "theory"
        for region in re.findall(rf"{BEGIN_SOLUTION}\n(.*?)\s*### END SOLUTION", cell.source, re.DOTALL)
    ]
    trees = [ast.parse(f"if 1:\n{text}").body[0] for text in regions]
    assert sum(isinstance(node, ast.stmt) for tree in trees for node in ast.walk(tree)) - len(trees) <= 80


@pytest.mark.parametrize("module", MODULES)
def test_questions_are_of_several_kinds(module: str) -> None:
    """At least eight theory questions of at least four kinds."""
    text = COURSE.source(module).read_text("utf-8")
    kinds = re.findall(r'id="theory-[^"]+" (?:answer="(\w+)"|task=(true))', text)
    assert len(kinds) >= 8
    assert len({answer or "formula" for answer, _ in kinds}) >= 4
