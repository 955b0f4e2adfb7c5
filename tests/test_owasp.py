"""OWASP's machine learning top ten: each risk is answered, and what is said to prove an answer is a test that runs."""

from __future__ import annotations

import ast
import functools
import tomllib
from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict, Field

ROOT = Path(__file__).parents[1]
NAMES = (
    "Input Manipulation Attack", "Data Poisoning Attack", "Model Inversion Attack", "Membership Inference Attack",
    "Model Theft", "AI Supply Chain Attacks", "Transfer Learning Attack", "Model Skewing", "Output Integrity Attack",
    "Model Poisoning",
)  # fmt: skip


class Risk(BaseModel):
    """What stands against one risk, the tests that attack it, and what nothing stands against."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    answer: str = Field(min_length=10)
    proof: tuple[str, ...] = ()
    open: str = ""


RISKS = {
    number: Risk(**each) for number, each in tomllib.loads((ROOT / "tests" / "owasp.toml").read_text("utf-8")).items()
}


@functools.cache
def defined_in(file: str) -> dict[str, list[str]]:
    """The tests of a module, with the names of their decorators."""
    tree = ast.parse((ROOT / file).read_text("utf-8"))
    return {
        node.name: [ast.unparse(each) for each in node.decorator_list]
        for node in tree.body
        if isinstance(node, ast.FunctionDef)
    }


def test_all_ten_risks_are_there_by_their_names():
    """None is left out for being hard, and none stands there with nothing said."""
    assert {number: risk.name for number, risk in RISKS.items()} == {
        f"ML{place:02}": name for place, name in enumerate(NAMES, 1)
    }
    assert [number for number, risk in RISKS.items() if not risk.proof and not risk.open] == []


@pytest.mark.parametrize("test", sorted({test for risk in RISKS.values() for test in risk.proof}))
def test_every_proof_is_a_test_that_runs(test):
    """It is there under that id, and no mark skips it or expects it to fail."""
    file, _, name = test.partition("::")
    decorators = defined_in(file)[name]
    assert [each for each in decorators if "skip" in each or "xfail" in each] == []
