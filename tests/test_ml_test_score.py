"""The ML Test Score counts what is proved: the tests exist and cannot be skipped for good, and a red one counts 0."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from tests.conftest import all_of_them
from tests.ml_test_score import DECLARED, ROOT, Declared, Item, main, meaning, read_declared, read_failures, table

DECLARATION = read_declared()
ITEMS = [item for items in DECLARATION.sections.values() for item in items]
MARKS = {"skip", "skipif", "xfail"}
PROOFS = {test for item in ITEMS for test in item.proof}


def pytest_in(folder: Path, *words: str) -> str:
    """What pytest says when it is called in `folder`."""
    command = [sys.executable, "-m", "pytest", "-q", *words]
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "THOROUGH": "1"}  # importing plugins takes long
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False).stdout


def test_every_proof_is_a_test_of_the_normal_suite(request):
    """pytest collects it under that id, as `make test THOROUGH=1` does, and no mark skips it or expects it to fail.

    A run of the whole suite has collected them by now; in a run of less, pytest is asked to.
    """
    files = sorted({test.partition("::")[0] for test in PROOFS})
    items = request.session.items
    if all_of_them() and {item.nodeid.partition("::")[0] for item in items}.issuperset(files):
        ids = [item.nodeid for item in items if not {mark.name for mark in item.iter_markers()} & MARKS]
    else:
        unmarked = " and ".join(f"not {mark}" for mark in sorted(MARKS))
        said = pytest_in(ROOT, "--collect-only", "-p", "no:cacheprovider", "-m", unmarked, *files)
        ids = [line for line in said.splitlines() if "::" in line]
    assert {test.partition("[")[0] for test in ids} >= PROOFS, PROOFS - {test.partition("[")[0] for test in ids}
    assert re.search(r"^TESTS \?= tests ", (ROOT / ".ci/course.mk").read_text(), re.MULTILINE)


@pytest.mark.parametrize("document", sorted({item.manual for item in ITEMS if item.manual}))
def test_documents_are_committed(document):
    """What a person checked can be read by everyone."""
    subprocess.run(["git", "ls-files", "--error-unmatch", document], cwd=ROOT, check=True, capture_output=True)


def test_a_proof_that_fails_counts_nothing(tmp_path):
    """pytest's own record of a red test takes the point away, by one of its parameters too, until it is green again."""
    test = tmp_path / "test_proof.py"
    text = "import pytest\n@pytest.mark.parametrize('n', [1, 2])\ndef test_holds(n):\n    assert n < {}\n"
    item = Item(asks="Something holds", proof=("test_proof.py::test_holds",))
    points, said = [], []
    for limit in (3, 2, 3):
        test.write_text(text.format(limit))
        pytest_in(tmp_path, str(test))
        failures = read_failures(tmp_path)
        declared = Declared(**{**DECLARATION.sections, "data": (item,) * 7})
        points.append((item.points(failures), declared.points(failures)["data"]))
        said.append("FAILED when it last ran" in table(declared, failures))
    assert points == [(1.0, 7.0), (0.0, 0.0), (1.0, 7.0)]
    assert said == [False, True, False]


def test_the_score_is_the_least_section(capsys):
    """The printed points of the items add up to the sections', and the least sum is the score, with its meaning."""
    assert main() == 0
    said = capsys.readouterr().out
    printed = {}
    for section in re.split(r"\n\n", said)[:4]:
        name, total = re.match(r"(\w+): ([\d.]+) of 7\n", section).groups()
        points = [float(each) for each in re.findall(r"^  \d  ([\d.]+) +\S", section, re.MULTILINE)]
        assert len(points) == 7
        assert sum(points) == float(total)
        printed[name] = sum(points)
    assert list(printed) == ["Data", "Model", "Infrastructure", "Monitoring"]
    least = min(printed.values())
    assert said.splitlines()[-1] == f"ML Test Score {least:g}, the least of the four: {meaning(least)}"
    assert all(test in said for test in PROOFS)


def test_a_person_s_check_is_half_a_point_and_nothing_is_none():
    """As the paper counts."""
    assert Item(asks="x", manual="README.md").points(frozenset()) == 0.5
    assert Item(asks="x", open="nobody did it").points(frozenset()) == 0.0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (('open = "', 'opne = "'), "opne"),
        (('open = "', 'manual = "README.md"\nopen = "'), "states manual, open"),
        (("[[monitoring]]", "[[monitorin]]"), "monitoring"),
        (("[[model]]", "[[data]]"), "at most 7 items"),
    ],
)
def test_a_careless_declaration_is_refused(change, words, tmp_path):
    """A typo, an item that claims two things, a section that is missing or too long."""
    path = tmp_path / "score.toml"
    path.write_text(DECLARED.read_text("utf-8").replace(*change, 1 if "open" in change[0] else -1))
    with pytest.raises(ValidationError, match=words):
        read_declared(path)
