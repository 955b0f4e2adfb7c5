"""Tables and pages: the agreed columns, sums that hold, and nothing that a spreadsheet or browser would run."""

from __future__ import annotations

import csv
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

from autograder.models import Grade
from autograder.report import table_row


def test_csv_has_the_agreed_columns_and_sums(graded: Path, grades: dict[str, Grade]) -> None:
    """grades.csv holds one line a submission; total is the sum of the four columns."""
    with (graded / "grades.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["student", "module", "theory", "code", "results", "report", "pending", "total", "flags"]
    assert len(rows) == len(grades)
    for row in rows:
        assert float(row["total"]) == sum(float(row[name]) for name in ("theory", "code", "results", "report"))


def test_json_holds_every_check(graded: Path) -> None:
    """grades.json has the same totals and each check's outcome, points and reason."""
    for row in json.loads((graded / "grades.json").read_text("utf-8")):
        assert row["total"] == sum(check["points"] for check in row["checks"])
        assert {"cell", "rubric", "outcome", "points", "possible", "reason", "seconds"} == set(row["checks"][0])


def test_formulas_are_defused() -> None:
    """Text that a spreadsheet would run is text."""
    row = table_row(Grade(student='=HYPERLINK("x")', module="words", flags=("@SUM(1)", "b")), ("theory", "code"))
    assert row[0] == '\'=HYPERLINK("x")'
    assert row[-1] == "'@SUM(1) | b"
    row = table_row(
        Grade(student="an", module="words", flags=("cell a raised A;=cmd|' /C calc'!A0", "b; -1")), ("theory", "code")
    )
    assert row[-1] == "cell a raised A;'=cmd|' /C calc'!A0 | b; '-1"


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.links += [value or "" for name, value in attrs if name in ("src", "href")]


def test_pages_are_self_contained_and_their_links_lead_somewhere(graded: Path, grades: dict[str, Grade]) -> None:
    """The class page loads nothing from outside and links to a feedback page of each student."""
    page = (graded / "index.html").read_text("utf-8")
    parser = _Links()
    parser.feed(page)
    assert len(parser.links) == len(grades)
    assert not re.search(r"https?://|<script", page)
    for link in parser.links:
        assert (graded / unquote(link)).is_file(), link


def test_names_and_outputs_are_escaped(graded: Path) -> None:
    """A student's name or output is shown, not run."""
    page = (graded / "index.html").read_text("utf-8")
    assert "<b>" not in page
    feedback = (graded / "feedback" / "raises" / "index.html").read_text("utf-8")
    assert "KeyError: &#39;no such word&#39;" in feedback
