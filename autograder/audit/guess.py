"""What somebody earns in theory who has read nothing: random answers, always the longest option, always B."""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from autograder.audit.part import Part
from autograder.course import Course
from autograder.lab import Failure, answered
from autograder.models import Cell, Lab

SHARE = 0.2  # of the theory points that guessing may earn
STRATEGIES = ("random", "longest", "always_b")


@dataclass(frozen=True)
class Question:
    """One question that answers by letter: the arguments of its check's `answered` call, and each option's text."""

    id: str
    points: float
    kind: str
    form: dict[str, Any]
    texts: dict[str, str]

    def right(self, answer: object) -> bool:
        try:
            answered(answer, self.kind, **self.form)
        except Failure:
            return False
        return True


def audit_guess(course: Course, lab: Lab) -> Part:
    """The expected theory points of each way to guess; the best of them must stay within a fifth of the maximum."""
    questions = theory_questions(lab)
    expected = {strategy: round(sum(q.points * chance(q, strategy) for q in questions), 3) for strategy in STRATEGIES}
    bar = SHARE * course.rubric["theory"]
    unread = [q.id for q in questions if q.kind == "choice" and set(q.texts) != set(q.form["options"])]
    problems = [
        f"guessing ({strategy.replace('_', ' ')}) earns {points:g} points of theory, {bar:g} is the bar"
        for strategy, points in expected.items()
        if points > bar
    ]
    problems += [f"{id_}: the options' texts cannot be read; write each as `- **A** text`" for id_ in unread]
    record = {"expected": max(expected.values()), **expected, "bar": bar}
    return Part({"guess": record}, tuple(problems))


def theory_questions(lab: Lab) -> list[Question]:
    """The theory questions with answers to choose from; what is a formula or a number cannot be guessed."""
    found = []
    for index, cell in enumerate(lab.cells):
        call = _answered_call(cell) if cell.role == "check" and cell.rubric == "theory" else None
        if call is not None:
            kind, form = call
            found.append(Question(cell.id, cell.points, kind, form, _option_texts(lab.cells[:index], form["options"])))
    return found


def chance(question: Question, strategy: str) -> float:
    """The share of the question's points that `strategy` may expect: right answers / answers that it may give."""
    tried = list(_answers(question) if strategy == "random" else _fixed(question, strategy))
    return sum(map(question.right, tried)) / len(tried) if tried else 0.0


def _answers(question: Question) -> Iterable[object]:
    """All answers of the question's form."""
    options, keys = str(question.form["options"]), str(question.form["keys"])
    if question.kind == "choice":
        return options
    if question.kind == "several":
        return (set(s) for n in range(1, len(options) + 1) for s in itertools.combinations(options, n))
    if question.kind == "order":
        return ("".join(letters) for letters in itertools.permutations(options))
    if question.kind == "match":
        return (dict(zip(keys, s, strict=True)) for s in itertools.product(options, repeat=len(keys)))
    return ()


def _fixed(question: Question, strategy: str) -> list[object]:
    """The one answer of somebody who always takes the longest option, or always B."""
    longest = max(question.texts, key=lambda letter: len(question.texts[letter]), default="")
    letter = longest if strategy == "longest" else "B"
    answers: dict[str, object] = {
        "choice": letter,
        "several": {letter},
        "order": question.form["options"],
        "match": dict.fromkeys(question.form["keys"], letter),
    }
    return [answers[question.kind]] if question.kind in answers else []


def _answered_call(cell: Cell) -> tuple[str, dict[str, Any]] | None:
    """Kind and keyword arguments of the call that holds the key, in a check that the build made for an answer cell."""
    for node in ast.walk(ast.parse(cell.source)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "answered":
            form = {word.arg: ast.literal_eval(word.value) for word in node.keywords if word.arg}
            if "key" in form:
                return ast.literal_eval(node.args[1]), form
    return None


def _option_texts(before: tuple[Cell, ...], options: str) -> dict[str, str]:
    """Each option's text in the last markdown cell, written `**A** text`, `A: text` or, in a listing, `A  text`."""
    text = next((cell.source for cell in reversed(before) if cell.kind == "markdown"), "")
    for form in (r"\*\*({})\*\*", r"\b({}):", r"^({})  +"):
        pieces = re.split(form.format("|".join(options) or "$^"), text, flags=re.MULTILINE)
        texts = {letter: piece.strip() for letter, piece in zip(pieces[1::2], pieces[2::2], strict=True)}
        if set(texts) == set(options):
            return texts
    return {}
