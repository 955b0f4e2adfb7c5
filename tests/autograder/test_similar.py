"""Answers that are alike: what counts, what does not, and how much of it chance would give."""

from __future__ import annotations

import random
import textwrap
from itertools import product
from pathlib import Path

import pytest

from autograder.models import Cell, Lab
from autograder.similar import Answers, at_least, words

STUB = "def solve(rows):\n    pass"
VERBS = ("keep", "drop", "join", "sort", "rank", "fill", "pair", "fold", "trim", "scan")


def lab(tasks: int) -> Lab:
    """A lab of so many code tasks and a written answer."""
    cells = [Cell(f"code-{n}", "code", "task", STUB, n) for n in range(tasks)]
    return Lab("words", "words.py", (*cells, Cell("report-text", "markdown", "written", "*Write here.*", 99)))


def own_way(chance: random.Random) -> str:
    """A function that nobody else would write."""

    def name() -> str:
        return f"{chance.choice(VERBS)}_{chance.randrange(300)}"

    lines = [f"    rows = {name()}({name()}, {name()} + {name()})" for _ in range(8)]
    return "\n".join(["def solve(rows):", *lines, "    return rows"])


def compare(texts: dict[str, dict[str, str]], tasks: int):
    """The pairs among students, each with texts by cell."""
    answers, module = Answers(), lab(tasks)
    for student, own in texts.items():
        answers.add(student, module, own, {cell.id: cell.source for cell in module.cells})
    return answers.similar()


def a_class(size: int, tasks: int) -> dict[str, dict[str, str]]:
    """Students who all work alone."""
    return {
        f"s{number:03d}": {f"code-{n}": own_way(random.Random(f"{number}/{n}")) for n in range(tasks)}
        for number in range(size)
    }


def test_those_who_work_alone_are_not_paired() -> None:
    """Nobody is alike by accident, and the page can say how many pairs were looked at."""
    found = compare(a_class(20, 6), 6)
    assert (found.pairs, found.tasks, found.all_pairs, found.usual) == ((), 6, 190, 0)


def test_a_copy_with_other_names_and_layout_is_found() -> None:
    """Renamed, reformatted and commented, most of it is still the same; the pair's tasks and shares are named."""
    work = a_class(20, 6)
    for cell in ("code-0", "code-2", "code-3"):
        changed = work["s004"][cell].replace("rows", "table_of_mine").replace(", ", ",  ")
        work["s011"][cell] = changed.replace("):", "):  # mine", 1)
    (pair,) = compare(work, 6).pairs
    assert pair.students == ("s004", "s011")
    assert [task.cell for task in pair.tasks] == ["code-0", "code-2", "code-3"]
    assert all(task.share > 0.95 for task in pair.tasks)
    assert pair.expected < 0.05


def test_what_many_share_is_no_sign() -> None:
    """The way that half of the class takes pairs nobody, however many tasks it fills."""
    work = a_class(20, 6)
    for student, n in product(sorted(work)[:10], range(6)):
        work[student][f"code-{n}"] = own_way(random.Random(n))
    assert compare(work, 6).pairs == ()


def test_one_common_mistake_is_left_to_chance() -> None:
    """Two tasks that some pairs share anyway are not more than chance gives."""
    work = a_class(24, 6)
    for n in range(6):
        group = random.Random(n).sample(sorted(work), 4)
        for student in group:
            work[student][f"code-{n}"] = own_way(random.Random(f"mistake {n}"))
    found = compare(work, 6)
    assert found.usual == pytest.approx(6 * 6 / 276)
    assert found.pairs == ()


def test_copied_prose_counts() -> None:
    """A written answer is compared word by word, whatever its capitals."""
    work = a_class(12, 3)
    for student, texts in work.items():
        texts["report-text"] = " ".join(f"word{student}{n}" for n in range(60))
    work["s002"] |= {"report-text": work["s001"]["report-text"].title(), "code-1": work["s001"]["code-1"]}
    (pair,) = compare(work, 3).pairs
    assert [task.cell for task in pair.tasks] == ["code-1", "report-text"]


@pytest.mark.parametrize(
    "text",
    [
        "def solve(rows:",
        "\x00",
        "(" * 10_000,
        "x = '\\d'",
        "%matplotlib inline\nx = 1",
        "a\x0cb\u2028c",
        "'''",
        "🎈 = 1",
    ],
)
def test_any_text_has_words(text: str) -> None:
    """What is no Python is compared as it stands; nothing that a student writes stops a report."""
    assert words(text, STUB, code=True) is not None
    assert words(text, STUB, code=False) is not None


def test_given_lines_and_strings() -> None:
    """Lines that were given out do not count; what stands in a string counts word by word."""
    text = textwrap.dedent('''
        def solve(rows):
            pass
        IMAGE = """
        FROM python:3.12
        RUN pip install it
        """''')
    assert words(text, STUB, code=True)[:9] == ["IMAGE", "=", '"', '"', '"', "FROM", "python", ":", "3"]


def test_chances_of_independent_tasks_add_up() -> None:
    """The tail is that of enumerating every outcome."""
    chances = [0.1, 0.5, 0.02, 0.9]
    for least in range(5):
        outcomes = (outcome for outcome in product((0, 1), repeat=4) if sum(outcome) >= least)
        expected = 0.0
        for outcome in outcomes:
            weight = 1.0
            for happens, chance in zip(outcome, chances, strict=True):
                weight *= chance if happens else 1 - chance
            expected += weight
        assert at_least(chances)[least] == pytest.approx(expected)


def test_similarity_is_no_part_of_scoring() -> None:
    """Only the report knows of it: nothing that gives points imports it."""
    package = Path(__file__).parents[2] / "autograder"
    users = {path.name for path in package.rglob("*.py") if "autograder.similar" in path.read_text("utf-8")}
    assert users == {"report.py", "summary.py"}
