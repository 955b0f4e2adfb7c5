"""The folder that students get: labs, the system they import, and the grader's student half; nothing else."""

from __future__ import annotations

import ast
import shutil
from pathlib import Path

from autograder.build import load_lab, student_notebook
from autograder.course import Course
from autograder.errors import GraderError
from autograder.source import BEGIN_HIDDEN, BEGIN_SOLUTION

STUDENT_HALF = ("__init__.py", "lab.py", "progress.py")
_SKIPPED = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints", "*.pyc")


def write_release(course: Course, out: Path) -> int:
    """Write the release to `out`, which is replaced; returns how many files it holds. GraderError if anything leaks."""
    part = out.with_name(out.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    shutil.copytree(course.root / "labs", part / "labs", ignore=_SKIPPED)
    (part / "autograder").mkdir()
    for name in STUDENT_HALF:
        shutil.copy(Path(__file__).parent / name, part / "autograder" / name)
    for name in course.release:
        _copy(course.root, name, part)
    _reject_leaks(course, part)
    shutil.rmtree(out, ignore_errors=True)
    part.rename(out)
    return sum(path.is_file() for path in out.rglob("*"))


# How a check begins that draws its inputs, hidden or not: it tells nothing of them.
_DRAWS = "chance = np.random.default_rng(seed())"


def leaks(course: Course, folder: Path) -> list[str]:
    """Files under `folder` that hold a solution, a hidden test or anything else of the instructor's, as reasons."""
    secrets = {line: module.id for module in course.modules for line in _secret_lines(course, module.id)}
    found = []
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        text = path.read_bytes().decode("utf-8", errors="replace")
        if path.suffix == ".ipynb":
            text = text.replace('\\"', '"').replace("\\\\", "\\")
        marks = [mark for mark in (BEGIN_SOLUTION, BEGIN_HIDDEN) if mark in text]
        marks += [f"{line!r} of {module}" for line, module in secrets.items() if line in text]
        found += [f"{path.relative_to(folder)}: {mark}" for mark in marks]
    return found


def _copy(root: Path, name: str, out: Path) -> None:
    """Copy `name`; `folder/release/` keeps only its own content, at the top of the release."""
    source = root / name
    if not source.exists():
        raise GraderError(f"course.toml releases {name}, which does not exist")
    if name.endswith("/"):
        shutil.copytree(source, out, dirs_exist_ok=True, ignore=_SKIPPED)
    elif source.is_dir():
        shutil.copytree(source, out / name, ignore=_SKIPPED)
    else:
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, out / name)


def _secret_lines(course: Course, module: str) -> set[str]:
    """Lines of solutions and hidden tests, long enough to be nobody else's, that students do not have."""
    lab = load_lab(course, module)
    given = "\n".join(cell.source for cell in student_notebook(lab).cells)
    texts = [cell.source for cell in lab.cells if cell.role in ("task", "check", "written")]
    lines = {line.strip() for text in texts for line in text.splitlines()}
    return {line for line in lines if len(line) >= 30 and line not in given and line != _DRAWS and _tells(line)}


def _tells(line: str) -> bool:
    """Whether `line` is more than an import, which anybody would write."""
    try:
        return not all(isinstance(node, (ast.Import, ast.ImportFrom)) for node in ast.parse(line).body)
    except SyntaxError:
        return True


def _reject_leaks(course: Course, folder: Path) -> None:
    found = leaks(course, folder)
    if found:
        raise GraderError("the release would give away:\n  " + "\n  ".join(found[:20]))
