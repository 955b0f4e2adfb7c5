"""How far a learner's own notebooks are: what was attempted, and what the visible checks said when they were saved.

It reads the saved notebooks alone, so it knows no answer, runs nothing, and is not the grade.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

RUBRIC = ("theory", "code", "results", "report")
State = Literal["passed", "not yet", "not run"]


@dataclass(frozen=True)
class Line:
    """One line of the rubric in one notebook: how many tasks there are and were changed, and what the checks said."""

    tasks: int
    attempted: int
    checks: Counter[State]


@dataclass(frozen=True)
class Progress:
    """One module, by rubric line; `changed_checks` are checks whose text is no longer the one that was given out."""

    module: str
    title: str
    lines: dict[str, Line]
    changed_checks: tuple[str, ...] = ()
    trouble: str = ""


def read_progress(labs: Path) -> list[Progress]:
    """The modules in `labs`, in order: each `<module>/<module>.ipynb` there; one that cannot be read says why."""
    return [_read(path) for path in sorted(labs.glob("*/*.ipynb")) if path.stem == path.parent.name]


def progress_table(labs: Path) -> str:
    """The progress of all modules in `labs` as a Markdown table, and in words below it what needs a look."""
    modules = read_progress(labs)
    if not modules:
        return f"No lab lies in {labs}. Open this page from the course's own `labs` folder."
    head = ["| module | theory | code | results | report |", "|---|---|---|---|---|"]
    return "\n".join([*head, *map(_row, modules), "", *_notes(modules)])


def _read(path: Path) -> Progress:
    module = path.stem
    try:
        cells = json.loads(path.read_text("utf-8"))["cells"]
        headings = (line for cell in cells for line in _text(cell).splitlines() if line.startswith("# "))
        title = next(headings, module).removeprefix("# ").split(":")[0].strip()
        graded = [cell for cell in cells if "grade_id" in _marks(cell)]
        lines = {name: _line([cell for cell in graded if _rubric(cell) == name]) for name in RUBRIC}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return Progress(module, module, {}, trouble=f"{type(error).__name__}: {error}")
    changed = tuple(_marks(cell)["grade_id"] for cell in graded if _is_check(cell) and _is_changed(cell))
    return Progress(module, title, lines, changed)


def _line(cells: list[dict[str, Any]]) -> Line:
    tasks = [cell for cell in cells if _marks(cell).get("solution")]
    return Line(
        len(tasks), sum(map(_is_changed, tasks)), Counter(saved_state(cell) for cell in cells if _is_check(cell))
    )


def saved_state(check: dict[str, Any]) -> State:
    """What a saved check cell says of itself, by its outputs."""
    if any(output.get("output_type") == "error" for output in check.get("outputs", ())):
        return "not yet"
    return "passed" if check.get("execution_count") else "not run"


def _is_check(cell: dict[str, Any]) -> bool:
    return bool(_marks(cell).get("grade")) and not _marks(cell).get("solution")


def _is_changed(cell: dict[str, Any]) -> bool:
    """Whether a cell's text is another than the one given out, of which nbgrader put the MD5 in the cell.

    The formula is that of `nbgrader.utils.compute_checksum`, whose import takes seconds.
    """
    marks = _marks(cell)
    if "checksum" not in marks:
        return False
    grade, solution = bool(marks.get("grade")), bool(marks.get("solution"))
    locked = not solution and (grade or bool(marks.get("locked")))
    parts = [_text(cell), cell["cell_type"], str(grade), str(solution), str(locked), marks["grade_id"]]
    parts += [str(float(marks["points"]))] if grade else []
    return hashlib.md5("".join(parts).encode(), usedforsecurity=False).hexdigest() != str(marks["checksum"])


def _marks(cell: dict[str, Any]) -> dict[str, Any]:
    marks: dict[str, Any] = cell["metadata"].get("nbgrader", {})
    return marks


def _rubric(cell: dict[str, Any]) -> str:
    return str(_marks(cell)["grade_id"]).split("-", 1)[0]


def _text(cell: dict[str, Any]) -> str:
    source = cell["source"]
    return source if isinstance(source, str) else "".join(source)


def _row(module: Progress) -> str:
    link = f"[{module.title}]({module.module}/{module.module}.ipynb)"
    cells = [_said(name, module.lines[name]) if module.lines else "?" for name in RUBRIC]
    return f"| {' | '.join([link, *cells])} |"


def _said(rubric: str, line: Line) -> str:
    """What stands in the table: theory counts answers, for its checks look at their form alone."""
    if not line.attempted:
        return "–"
    if rubric == "theory":
        return f"{line.attempted} of {line.tasks} answered"
    if rubric == "report":
        return "begun" if line.attempted < line.tasks else "written"
    return f"{line.checks['passed']} of {line.checks.total()} checks pass"


def _notes(modules: list[Progress]) -> Iterator[str]:
    for module in modules:
        if module.trouble:
            yield (
                f"- `{module.module}` cannot be read ({module.trouble}). Open and save it once more; if that does not "
                "help, take the notebook from the course's folder anew and copy your answers into it."
            )
        not_run = sum(line.checks["not run"] for line in module.lines.values() if line.attempted)
        if not_run:
            yield f"- `{module.module}`: {not_run} checks were not run. Choose Run, Run All Cells; then save."
        if module.changed_checks:
            yield (
                f"- `{module.module}`: you changed {', '.join(f'`{name}`' for name in module.changed_checks)}. "
                "That does no harm, and no good: the grader brings its own checks."
            )
