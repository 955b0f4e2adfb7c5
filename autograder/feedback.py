"""What a student's page shows of one submission: each check beside its task, the reason, what to do next."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from autograder.analysis import worked_on
from autograder.models import CheckResult, Grade, Lab, Outcome
from autograder.readable import readable

JsonObject = dict[str, Any]

MAX_TEXT = 4_000
MAX_PICTURES = 3
MAX_PICTURE_BYTES = 400_000

_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_ROW = re.compile(r"^ {2}(input|expected|got|hint): +(.*)$")
_HEADING = re.compile(r"^#{1,3} +(.*?)[ #]*$", re.MULTILINE)
_FENCED = re.compile(r"```.*?```", re.DOTALL)
_PERSON = (Outcome.PENDING, Outcome.MARKED)
_SHOWN = (Outcome.FAILED, Outcome.ERRORED, Outcome.NOT_REACHED, *_PERSON)


@dataclass(frozen=True)
class Reason:
    """A check's reason in parts: a first line, what stands in rows (input, expected, got, hint), and what follows."""

    lead: str
    rows: tuple[tuple[str, str], ...]
    rest: str


@dataclass(frozen=True)
class Answer:
    """The student's own text of one cell, and what it printed and drew (PNG, base64)."""

    cell: str
    text: str
    printed: str
    pictures: tuple[str, ...]


@dataclass(frozen=True)
class Step:
    """One graded cell under the heading where it stands, with the answers that it judged and a person's comments."""

    check: CheckResult
    title: str
    heading: str
    reason: Reason
    answers: tuple[Answer, ...]
    comments: tuple[str, ...]

    @property
    def place(self) -> str:
        return f"“{self.title}” ({self.heading})" if self.heading else f"“{self.title}”"


@dataclass(frozen=True)
class Advice:
    """What to do next, and the check to begin with, if any."""

    text: str
    cell: str = ""


def steps(grade: Grade, lab: Lab, notebook: JsonObject | None) -> list[Step]:
    """The graded cells of `grade` in notebook order; an answer is shown once, at the first check that it failed.

    Only task and written cells are taken from `notebook`, the one that was run, as its file's JSON: the rest is ours.
    """
    places = {cell.id: index for index, cell in enumerate(lab.cells)}
    answers = _answers(notebook, lab) if notebook and worked_on(grade) else {}
    comments, above = dict(grade.comments), headings(lab)
    found = []
    for check in sorted(grade.checks, key=lambda check: places.get(check.cell, len(places))):
        judged = lab[check.cell].targets if check.cell in places else ()
        named = (*judged, check.cell)
        found.append(
            Step(
                check=check,
                title=title(check.cell),
                heading=above.get(check.cell, ""),
                reason=explained(check.reason if check.outcome not in _PERSON else ""),
                answers=tuple(answers.pop(name) for name in named if check.outcome in _SHOWN and name in answers),
                comments=tuple(comments.pop(name) for name in named if name in comments),
            )
        )
    return found


def title(cell: str) -> str:
    """A graded cell's id as words.

    >>> title("code-mlflow-runs-check-2")
    'mlflow runs, part 2'
    """
    name, _, part = cell.partition("-check")
    words = name.split("-")
    return " ".join(words[1:] or words) + (f", part {part.lstrip('-')}" if part else "")


def headings(lab: Lab) -> dict[str, str]:
    """The heading above each cell in the notebook, without its marks, by the cell's id."""
    above, last = {}, ""
    for cell in lab.cells:
        above[cell.id] = last
        if cell.kind == "markdown":
            last = (_HEADING.findall(_FENCED.sub("", cell.source)) or [last])[-1]
    return above


def explained(reason: str) -> Reason:
    """Split a check's reason, as `autograder.lab.expect` writes it, into its parts."""
    lead, _, others = _plain(reason).partition("\n")
    rows, rest = [], []
    for line in others.splitlines():
        match = _ROW.match(line)
        if match:
            rows.append((match[1], match[2]))
        else:
            rest.append(line)
    return Reason(lead=lead, rows=tuple(rows), rest="\n".join(rest))


def next_step(grade: Grade, found: Sequence[Step]) -> Advice:
    """What to do next: the first failure in notebook order, since what comes after it may hang on it."""
    first = {outcome: next((step for step in found if step.check.outcome is outcome), None) for outcome in Outcome}
    if not worked_on(grade):
        return _start(grade, found)
    if step := first[Outcome.FAILED]:
        left = sum(step.check.outcome is Outcome.FAILED for step in found)
        again = "One check is" if left == 1 else f"{left} checks are"
        text = f"{again} still open. Begin with {step.place}: mend it, run the notebook from the top, and look again."
        return Advice(text, step.check.cell)
    if step := first[Outcome.NOT_REACHED]:
        text = f"The notebook stopped before {step.place}. Find what stops it: your later answers may well be fine."
        return Advice(text, step.check.cell)
    if step := first[Outcome.NOT_ATTEMPTED]:
        return Advice(
            f"What you tried holds. Go on with {step.place} when you have a quiet half hour.", step.check.cell
        )
    if first[Outcome.ERRORED]:
        return Advice("There is nothing for you to mend: a check broke on our side, and your instructor looks at it.")
    if first[Outcome.PENDING]:
        return Advice("Every check passed, well done. Your instructor still has to read what you wrote.")
    return Advice("Every check passed, well done. Explain one of your answers to somebody: no test of it is better.")


def _start(grade: Grade, found: Sequence[Step]) -> Advice:
    if any(step.check.outcome is Outcome.NOT_REACHED for step in found):
        return Advice(
            f"Nothing could be graded. Save {grade.module}.ipynb in Jupyter and hand it in, or ask your instructor."
        )
    where = found[0].place if found else "its first question"
    return Advice(f"All of it is still ahead of you. Start with {where}: one small step, and the rest builds on it.")


def _answers(notebook: JsonObject, lab: Lab) -> dict[str, Answer]:
    own = {cell.id for cell in (*lab.with_role("task"), *lab.with_role("written"))}
    return {cell["id"]: _answer(cell) for cell in notebook["cells"] if cell.get("id") in own}


def _answer(cell: JsonObject) -> Answer:
    outputs = cell.get("outputs", [])
    return Answer(
        cell=cell["id"],
        text=_plain("".join(cell["source"])),
        printed=_plain("".join(_printed(output) for output in outputs)),
        pictures=tuple(_pictures(outputs)),
    )


def _printed(output: JsonObject) -> str:
    """The plain text of an output; markup of any kind stays out."""
    if output["output_type"] == "stream":
        return "".join(output["text"])
    if output["output_type"] == "error":
        return "\n".join(output["traceback"]) or f"{output['ename']}: {output['evalue']}"
    return "".join(output.get("data", {}).get("text/plain", "")) + "\n"


def _pictures(outputs: Sequence[JsonObject]) -> list[str]:
    encoded = ["".join(output.get("data", {}).get("image/png", "")) for output in outputs]
    return [picture for picture in map(_png, encoded) if picture][:MAX_PICTURES]


def _png(encoded: str) -> str:
    """`encoded` again if it is a PNG of a reasonable size, else nothing."""
    try:
        data = base64.b64decode("".join(encoded.split()), validate=True)
    except (binascii.Error, ValueError):
        return ""
    fits = data.startswith(b"\x89PNG\r\n\x1a\n") and len(data) <= MAX_PICTURE_BYTES
    return base64.b64encode(data).decode() if fits else ""


def _plain(text: str) -> str:
    """Fit to be read, without terminal colours; carriage returns end lines."""
    return readable(_ANSI.sub("", text).replace("\r\n", "\n").replace("\r", "\n").rstrip(), MAX_TEXT)
