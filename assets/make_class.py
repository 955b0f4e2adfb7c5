"""Write a whole class that nobody taught: `make class` grades it.

Each student's notebook is put together, task by task, from the solution, known alternatives, known mistakes
(`tests/submissions`), gaps and, once, attacks (`tests/hostile`). Who knows how much, reaches how far, hands in late or
copies is drawn from a seed, student by student: a larger class begins with the smaller one, and stays graded so far.
"""

from __future__ import annotations

import argparse
import ast
import csv
import datetime as dt
import random
import re
import shutil
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from make_sample_class import ROOT, hand_in, solved

from autograder.audit.hostile import read_attacks
from autograder.audit.known import known_submissions
from autograder.build import load_lab
from autograder.course import Course, load_course
from autograder.models import Lab
from autograder.source import read_cells

FIRST_DUE = dt.datetime(2026, 10, 12, 16, 59, tzinfo=dt.UTC)
# Attacks that are over in a moment; what loops or eats memory is `make audit`'s.
QUICK_ATTACKS = ("equality ", "forged ", "patched ", "reading ")
NAMES = (
    "Nguyễn Thị An", "Trần Văn Bình", "Lê Quỳnh Chi", "Phạm Thùy Dung", "Emma O'Neil", "Farid Haddad",
    "Hoàng Trường Giang", "Hana Suzuki", "Igor Petrović", "Julia Müller", "Vũ Minh Khánh", "Đặng Thùy Linh",
    "Bùi Đức Minh", "Ngô Bảo Ngọc", "Oliver Smith, Jr.", "Đỗ Hoàng Phúc", "Hồ Như Quỳnh", "Rosa García",
    "Dương Hải Sơn", "Lý Thanh Tâm", "Uma Krishnan", "Đinh Thảo Vy", "Walter Baker", "Trịnh Ngọc Xuân", "Mai Hải Yến",
    'Zoe "Zo" Laurent', "Phan Gia Bảo", "Cao Mỹ Duyên", "Tạ Quốc Huy", "Lâm Khánh Vân",
)  # fmt: skip


@dataclass(frozen=True)
class Kind:
    """A kind of student: how much they know, how far into a notebook they come, how much they do their own way.

    All three are shares of 1.
    """

    who: str
    knows: float = 0
    reaches: float = 0
    own: float = 0.3
    late: bool = False
    leaves_after: int = 99


STRONG, SOLID = Kind("strong", 0.97, 1), Kind("solid", 0.85, 0.97)
LENDS = Kind("solid, does most things her own way", 0.85, 0.97, own=0.8)
MIDDLING, WEAK = Kind("middling", 0.66, 0.82), Kind("weak", 0.42, 0.5)
COPIES, ATTACKS = Kind("copies most of it from the one before", 0.6, 0.8), Kind("attacks", 0.6, 0.45)
LATE = Kind("solid, and late", 0.8, 0.95, late=True)
ABSENT, LEAVES = Kind("absent"), Kind("leaves half-way", 0.6, 0.75, leaves_after=3)
KINDS = (
    STRONG, MIDDLING, LENDS, COPIES, ATTACKS, LATE, WEAK, ABSENT, SOLID, MIDDLING,
    SOLID, STRONG, MIDDLING, WEAK, SOLID, MIDDLING, LEAVES, SOLID, MIDDLING, STRONG,
    WEAK, SOLID, MIDDLING, SOLID, LATE, STRONG, MIDDLING, WEAK, SOLID, MIDDLING,
)  # fmt: skip


@dataclass(frozen=True)
class Pieces:
    """What a module's notebooks are put together from: each task's texts, right and wrong, and whole attacks."""

    lab: Lab
    right: dict[str, str]
    alternatives: dict[str, tuple[str, ...]]
    mistakes: dict[str, tuple[str, ...]]
    attacks: tuple[dict[str, str], ...]


def main(arguments: Sequence[str] | None = None) -> int:
    """Write OUT/submissions, and beside it the roster, the marks given so far and the cohort's due dates."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--course", type=Path, default=ROOT)
    parser.add_argument("--students", type=int, default=30)
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--out", type=Path, default=ROOT / "out" / "class")
    options = parser.parse_args(arguments)
    write_class(load_course(options.course), options.out, students=options.students, seed=options.seed)
    return 0


def write_class(course: Course, out: Path, *, students: int, seed: int) -> None:
    """The class of `students`; what an earlier one left in OUT/submissions goes."""
    modules = [read_pieces(course, module.id) for module in course.modules]
    shutil.rmtree(out / "submissions", ignore_errors=True)
    marks, roster, before = [], [], {}
    for number in range(students):
        name, kind = NAMES[number % len(NAMES)], KINDS[number % len(KINDS)]
        student = student_id(name, number)
        folder = out / "submissions" / student
        folder.mkdir(parents=True)
        roster.append([student, name, f"S{1000 + number}", f"{student}@example.org", "AB"[number % 2]])
        work: dict[str, dict[str, str]] = {}
        for place, pieces in enumerate(modules[: kind.leaves_after]):
            chance = random.Random(f"{seed}/{student}/{place}")
            work[pieces.lab.module] = texts = texts_of(pieces, kind, place, chance, before)
            if kind is not ABSENT:
                path = hand_in(folder, pieces.lab, texts)
                moment = due(place) + delay(kind, chance)
                path.with_name("timestamp.txt").write_text(f"{moment:%Y-%m-%d %H:%M:%S} UTC\n", "utf-8")
            if place < len(modules) / 2:
                marks += marks_of(student, pieces, texts, kind, chance)
        before = work
        print(f"{student}: {kind.who}")
    _write_csv(out / "roster.csv", ["student", "name", "id", "email", "section"], roster)
    _write_csv(out / "marks.csv", ["student", "module", "cell", "points"], marks)
    (out / "cohort.toml").write_text(cohort([pieces.lab.module for pieces in modules]), "utf-8")


def read_pieces(course: Course, module: str) -> Pieces:
    """Every text that the course keeps for `module`, by task."""
    lab = load_lab(course, module)
    found: dict[str, dict[str, list[str]]] = {"alt": {}, "wrong": {}}
    for kind, texts in found.items():
        for known in known_submissions(course, module, kind):
            for cell, text in read_cells(known.path).items():
                texts.setdefault(cell, []).append(text)
    attacks = [attack for name, attack in read_attacks(course, lab).items() if name.startswith(QUICK_ATTACKS)]
    frozen = [{cell: tuple(texts) for cell, texts in found[kind].items()} for kind in ("alt", "wrong")]
    return Pieces(lab, solved(lab), *frozen, tuple(attacks))


def texts_of(
    pieces: Pieces, kind: Kind, place: int, chance: random.Random, before: dict[str, dict[str, str]]
) -> dict[str, str]:
    """What a student of `kind` writes into the module at `place`; `before` is the work of the student before."""
    knows = kind.knows + chance.gauss(0, 0.08) - 0.02 * place
    cells = list(pieces.right)
    reached = cells[: round(len(cells) * (kind.reaches + chance.gauss(0, 0.08)))]
    written = [cell.id for cell in pieces.lab.with_role("written") if chance.random() < kind.reaches]
    tried = dict.fromkeys([*(cell for cell in reached if chance.random() > 0.05), *written])
    texts = {cell: _text(pieces, cell, kind.own, knows, chance) for cell in tried}
    if kind is COPIES:
        theirs = before.get(pieces.lab.module, {})
        texts |= {cell: renamed(text) for cell, text in theirs.items() if chance.random() < 0.85}
    if kind is ATTACKS and pieces.attacks:
        texts |= chance.choice(pieces.attacks)
    return {cell: text for cell, text in texts.items() if text}


def _text(pieces: Pieces, cell: str, own: float, knows: float, chance: random.Random) -> str:
    """A right text or an alternative to it, else a known mistake, else a slip, else nothing."""
    right = pieces.right[cell]
    if pieces.lab[cell].role == "written":
        return some_of(right, knows, chance)
    if chance.random() < knows:
        return chance.choice(pieces.alternatives.get(cell, ()) or (right,)) if chance.random() < own else right
    if mistakes := pieces.mistakes.get(cell):
        return chance.choice(mistakes)
    return slip(right, chance)


def slip(text: str, chance: random.Random) -> str:
    """An answer of letters with one of them mistaken; nothing where `text` is code.

    >>> slip('theory_leak = "B"', random.Random(1))
    'theory_leak = "A"'
    """
    lines = text.splitlines()
    letters = list(re.finditer(r'"([A-H])"', lines[-1])) if lines else []
    if "def " in text or not letters:
        return ""
    spot = chance.choice(letters)
    other = chance.choice([letter for letter in "ABCDE" if letter != spot[1]])
    return "\n".join([*lines[:-1], f'{lines[-1][: spot.start()]}"{other}"{lines[-1][spot.end() :]}'])


def some_of(text: str, share: float, chance: random.Random) -> str:
    """About that `share` of the sentences of `text`, at least one, in their order."""
    sentences = re.split(r"(?<=[.!?])\s+", text.strip())
    kept = [sentence for sentence in sentences if chance.random() < share] or sentences[:1]
    return " ".join(kept)


def renamed(text: str) -> str:
    r"""`text` as somebody hands it on who hopes that nobody sees it: other local names, other layout, no comments.

    >>> print(renamed("def area(side):  # a square\n    found = side*side\n    return found"))
    def area(side):
        found_ = side * side
        return found_
    """
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return text
    for function in (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)):
        inside = list(ast.walk(function))
        names = [node for node in inside if isinstance(node, ast.Name)]
        own = {node.id for node in names if isinstance(node.ctx, ast.Store) and not node.id.endswith("_")}
        own -= {node.arg for node in inside if isinstance(node, ast.arg)}
        for node in names:
            node.id = f"{node.id}_" if node.id in own else node.id
    return ast.unparse(tree)


def due(place: int) -> dt.datetime:
    """When the module at `place` is due: one a week."""
    return FIRST_DUE + dt.timedelta(weeks=place)


def delay(kind: Kind, chance: random.Random) -> dt.timedelta:
    """When something is handed in, counted from when it is due: mostly in the last hours, some in the days after."""
    if chance.random() < (0.6 if kind.late else 0.03):
        return dt.timedelta(hours=chance.choice((5, 20, 30, 75)))
    return -dt.timedelta(minutes=30 + chance.expovariate(1 / 600))


def marks_of(
    student: str, pieces: Pieces, texts: dict[str, str], kind: Kind, chance: random.Random
) -> Iterable[list[str]]:
    """What the instructor gave for written cells so far: to most, not to all."""
    for cell in pieces.lab.with_role("written"):
        if cell.id in texts and chance.random() < 0.85:
            points = round(cell.points * min(1, max(0, kind.knows + chance.gauss(0, 0.12))))
            yield [student, pieces.lab.module, cell.id, f"{points:g}"]


def student_id(name: str, number: int) -> str:
    """A login of a name: its last part, without what only some keyboards have.

    >>> student_id("Đặng Thùy Linh", 11), student_id("Nguyễn Thị An", 30)
    ('linh.dang', 'an.nguyen2')
    """
    words = re.findall(r"[a-z]+", _plain(name.partition(",")[0]))
    again = number // len(NAMES) + 1
    return f"{words[-1]}.{words[0]}{again if again > 1 else ''}"


def cohort(modules: Sequence[str]) -> str:
    """The due dates and the late policy, as `autograder grade --cohort` reads them."""
    dates = "".join(f'"{module}" = {due(place):%Y-%m-%dT%H:%M:%SZ}\n' for place, module in enumerate(modules))
    return f'late = {{ per_day = "10%", maximum = "50%", grace_minutes = 15 }}\n\n[due]\n{dates}'


def _plain(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text.lower().replace("đ", "d"))
    return "".join(sign for sign in decomposed if not unicodedata.combining(sign)).replace("'", "").replace('"', "")


def _write_csv(path: Path, head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([head, *rows])


if __name__ == "__main__":
    sys.exit(main())
