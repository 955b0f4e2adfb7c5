"""Write solutions/guide/common_mistakes.md: by task the mistakes of learners, what they see, what to say to them.

All of it is taken from what stands elsewhere: `tests/submissions` names the mistakes, a task's check has the words that
its failure shows, and the lab has the slip that the task is about and its first hint. Run it with `make assets`.
"""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

from autograder.audit.known import Known, known_submissions
from autograder.build import load_lab
from autograder.course import Course, load_course
from autograder.models import Cell, Lab

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "solutions" / "guide" / "common_mistakes.md"
SHOWN = 6  # of the words that a task's checks may show; a long task has dozens
HINT = re.compile(r"<details><summary>Hint[^<]*</summary>\s*(.+?)\s*</details>", re.DOTALL)
HEAD = """# Mistakes that learners make

By module and task. Each mistake is real code or a real answer in `tests/submissions`, graded in the tests: it loses
where it is said to, and nowhere else. *They see* are words that the check may show beside input, expected and got; *say
first* is the lab's own first hint, which gives nothing away that they could not unfold themselves. Ask what they
expected before you say it.

Written by `python assets/write_common_mistakes.py` (`make assets`); change the lab or the submissions, not this page.
"""


def main() -> int:
    """Write the page anew."""
    PAGE.write_text(page(load_course(ROOT)), "utf-8")
    print(PAGE.relative_to(ROOT))
    return 0


def page(course: Course) -> str:
    """The whole page, module by module in the order of their tasks."""
    parts = [HEAD]
    for module in course.modules:
        lab = load_lab(course, module.id)
        parts.append(f"## {module.id} · {module.title}\n")
        mistakes: dict[str, list[Known]] = {}
        for known in known_submissions(course, module.id, "wrong"):
            first = re.search(r'^# %% id="([\w-]+)"', known.path.read_text("utf-8"), re.MULTILINE)
            mistakes.setdefault(first[1], []).append(known)
        parts += [task_part(lab, cell, mistakes[cell.id]) for cell in lab.cells if cell.id in mistakes]
    return "\n".join(parts)


def task_part(lab: Lab, cell: Cell, mistakes: list[Known]) -> str:
    """One task: its section, the slip that it is about, what a check shows, what to say, and the mistakes."""
    prose = [other.source for other in lab.cells[: lab.cells.index(cell)] if other.kind == "markdown"]
    section = re.findall(r"^##+ (.+)$", "\n".join(prose), re.MULTILINE)[-1]
    lines = [f"### `{cell.id}`\n", f"*{section}*\n"]
    near = "\n".join(prose[-3:])
    if slips := re.findall(r"\*The slip[^:*]*: ([^*]+)\*", near):
        lines[-1] = f"*{section}* The slip: {slips[-1].strip()}\n"
    if shown := said_by_checks(lab, cell):
        more = " · …" if len(shown) > SHOWN else ""
        lines.append("**They see:** " + " · ".join(f"*{words}*" for words in shown[:SHOWN]) + f"{more}\n")
    if hints := HINT.findall(prose[-1]) or HINT.findall(near):
        lines.append(f"**Say first:** {' '.join(hints[0].split())}\n")
    lines += [f"- {mistake(known)}" for known in mistakes]
    return "\n".join(lines) + "\n"


def mistake(known: Known) -> str:
    """The misconception as its file states it, what it costs, and where it is."""
    comments = re.match(r"((?:#.*\n)+)", known.path.read_text("utf-8"))
    text = " ".join(
        line.lstrip("# ") for line in comments[1].splitlines() if not re.match(r"# (loses|may lose): ", line)
    )
    costs = " and ".join(sorted(known.loses))
    return f"{text.strip()} *Costs {costs}.* ([{known.path.stem}](../../{known.path.relative_to(ROOT)}))"


def said_by_checks(lab: Lab, cell: Cell) -> list[str]:
    """The hints and demands in the checks of a task, each once, in their order."""
    words = []
    for check in lab.cells:
        if cell.id in check.targets:
            for node in ast.walk(ast.parse(check.source)):
                if isinstance(node, ast.Call):
                    words += [keyword.value for keyword in node.keywords if keyword.arg == "slip"]
                    words += node.args[1:2] if getattr(node.func, "id", "") == "require" else []
    return list(dict.fromkeys(text for word in words if (text := plain(word))))


def plain(node: ast.expr) -> str:
    """A text of the source, `…` where a value is put in; empty when it is no text."""
    if isinstance(node, ast.JoinedStr):
        return "".join(plain(part) if isinstance(part, ast.Constant) else "…" for part in node.values)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


if __name__ == "__main__":
    sys.exit(main())
