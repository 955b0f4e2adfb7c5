"""Mutants change the solution, once each, and nothing around it."""

from __future__ import annotations

import ast

import pytest

from autograder.audit.equivalents import declared_equivalents
from autograder.audit.field_mutants import field_mutants
from autograder.audit.mutate import distinct, mutant, operator_mutants
from autograder.build import load_lab
from autograder.errors import GraderError, SourceError
from autograder.models import Cell

CELL = Cell(
    id="code-half",
    kind="code",
    role="task",
    line=10,
    source="""def half(x):
    y = x + 1
    ### BEGIN SOLUTION
    if x > 2 and y:
        return x / 2
    ### END SOLUTION
    return y - 1""",
)


def test_operators_change_only_the_solution() -> None:
    """Each mutant is Python, differs in one line between the marks, and says which."""
    mutants = distinct(CELL, operator_mutants(CELL))
    written = {made.after.strip() for made in mutants}
    assert {"if x >= 2 and y:", "if x > 2 or y:", "return x * 2", "return x / 3", "if not x > 2 and y:"} <= written
    for made in mutants:
        ast.parse(made.source)
        assert made.line in (14, 15)
        assert "y - 1" in made.source
        assert "y = x + 1" in made.source


def test_equal_programs_are_one_mutant() -> None:
    """What reads as the solution, or as another mutant, is tried once; what is no Python, never."""
    sources = [CELL.source.replace("x / 2", text) for text in ("(x / 2)", "x // 2", "(x // 2)", "x //")]
    mutants = [made for source in sources if (made := mutant(CELL, "by hand", source))]
    assert [made.after.strip() for made in distinct(CELL, mutants)] == ["return x // 2"]


def test_the_diff_shows_the_change() -> None:
    """A survivor is listed with a unified diff that names its cell."""
    made = mutant(CELL, "by hand", CELL.source.replace("x / 2", "x / 3"))
    assert made is not None
    assert "--- a/code-half" in made.diff
    assert "-        return x / 2\n+        return x / 3" in made.diff


def test_declared_mutants_replace_text_of_the_solution(variant) -> None:
    """A course's own mutants stand in mutants.toml, by task."""
    text = '[[mutant]]\ntask = "code-count"\nname = "letters for words"\nreplace = "text.split()"\nwith = "text"\n'
    course = variant(**{"mutants.toml": text})
    (made,) = field_mutants(course, load_lab(course, "words"))
    assert (made.task, made.operator, made.after) == (
        "code-count",
        "letters for words",
        "    return dict(Counter(text))",
    )


@pytest.mark.parametrize(
    ("replace", "told"),
    [("no such text", "stands 0 times"), ("text", "stands 3 times"), ("How often each", "nothing of the solution")],
)
def test_a_declared_mutant_that_does_not_apply_is_an_error(variant, replace: str, told: str) -> None:
    """A replacement that went stale with its solution is named."""
    text = f'[[mutant]]\ntask = "code-count"\nname = "stale"\nreplace = "{replace}"\nwith = "x"\n'
    course = variant(**{"mutants.toml": text})
    with pytest.raises(GraderError, match=told):
        field_mutants(course, load_lab(course, "words"))


def test_a_misspelt_key_of_a_declared_mutant_is_an_error(variant) -> None:
    """The sheet refuses what it does not know."""
    course = variant(**{"mutants.toml": '[[mutant]]\ntask = "code-count"\nnaem = "x"\n'})
    with pytest.raises(GraderError, match="naem"):
        field_mutants(course, load_lab(course, "words"))


def _with_comment(comment: str) -> Cell:
    source = CELL.source.replace("        return x / 2", f"        {comment}\n        return x / 2")
    return Cell(id=CELL.id, kind="code", role="task", line=10, source=source)


def test_an_equivalent_covers_the_line_below_it() -> None:
    """Operator, changed text and line must agree."""
    cell = _with_comment("# equivalent: ReplaceBinaryOperator_Div `x // 2`: x is even here")
    (declared,) = declared_equivalents(cell)
    covered = [made.after.strip() for made in distinct(cell, operator_mutants(cell)) if declared.covers(made)]
    assert covered == ["return x // 2"]
    assert declared.reason == "x is even here"


@pytest.mark.parametrize("comment", ["# equivalent: it does not matter", "# equivalent: NumberReplacer `x / 3`:"])
def test_an_equivalent_without_its_parts_is_an_error(comment: str) -> None:
    """A declaration without operator, text or reason excuses nothing."""
    with pytest.raises(SourceError, match="write `# equivalent"):
        declared_equivalents(_with_comment(comment))
