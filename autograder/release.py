"""The folder that students get: labs, the system they import, and the grader's student half; nothing else."""

from __future__ import annotations

import ast
import hashlib
import re
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import nbformat

from autograder.build import load_lab, student_notebook
from autograder.course import Course
from autograder.environment import file_hash
from autograder.errors import GraderError
from autograder.handout import HANDOUT, AnswerForm, GivenCell, GivenModule, Handout, text_hash
from autograder.merge import grade_id
from autograder.models import Cell, Lab
from autograder.source import BEGIN_HIDDEN, BEGIN_SOLUTION

# What notebooks import and what `submit` needs: none of it holds, or can make, an answer or a hidden input.
STUDENT_HALF = (
    "__init__.py", "__main__.py", "cli_student.py", "command.py", "environment.py", "errors.py", "handout.py", "lab.py",
    "merge.py", "models.py", "names.py", "plain_kernel.py", "precheck.py", "progress.py", "readable.py", "rehearsal.py",
    "students.py", "submit.py",
)  # fmt: skip
_WORD = re.compile(r"\w+")
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
    labs = [load_lab(course, module.id) for module in course.modules]
    given = handout_of(course, labs, folder=part / "labs", release=_digest(part))
    (part / HANDOUT).write_text(given.model_dump_json(indent=1) + "\n", "utf-8")
    _reject_leaks(leaks(course, part, labs))
    shutil.rmtree(out, ignore_errors=True)
    part.rename(out)
    return sum(path.is_file() for path in out.rglob("*"))


def handout_of(course: Course, labs: Sequence[Lab], *, folder: Path | None = None, release: str = "") -> Handout:
    """What students are given of these `labs`, with the texts of the notebooks in `folder`, in all languages.

    Without a folder, as somebody may have worked in the course's own, the texts are those that the sources make.
    """
    return Handout(
        title=course.title,
        release=release,
        rubric=course.rubric,
        modules=tuple(_given(lab, course[lab.module].title, folder) for lab in labs),
    )


# How a check begins that draws its inputs, hidden or not: it tells nothing of them.
_DRAWS = "chance = np.random.default_rng(seed())"


def leaks(course: Course, folder: Path, labs: Sequence[Lab] = ()) -> list[str]:
    """Files under `folder` that hold a solution, a hidden test or anything else of the instructor's, as reasons.

    `labs` are the course's, if they have been read already.
    """
    labs = labs or [load_lab(course, module.id) for module in course.modules]
    secrets = {line: (_inner_words(line), lab.module) for lab in labs for line in _secret_lines(lab)}
    found = []
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        text = path.read_bytes().decode("utf-8", errors="replace")
        if path.suffix == ".ipynb":
            text = text.replace('\\"', '"').replace("\\\\", "\\")
        marks = [mark for mark in (BEGIN_SOLUTION, BEGIN_HIDDEN) if mark in text]
        words = set(_WORD.findall(text))
        marks += [
            f"{line!r} of {module}" for line, (inner, module) in secrets.items() if inner <= words and line in text
        ]
        found += [f"{path.relative_to(folder)}: {mark}" for mark in marks]
    return found


def _given(lab: Lab, title: str, folder: Path | None) -> GivenModule:
    paths = sorted(folder.rglob(f"{lab.module}.ipynb")) if folder else []
    notebooks = [nbformat.read(path, as_version=4) for path in paths] or [student_notebook(lab)]
    texts = [{grade_id(cell): str(cell.source) for cell in notebook.cells} for notebook in notebooks]
    forms = {target: form for check in lab.with_role("check") for target, form in _forms(check, texts[0][check.id])}
    cells = (
        GivenCell(
            id=cell.id,
            kind=cell.kind,
            role=cell.role,
            points=cell.points,
            targets=cell.targets,
            texts=tuple(dict.fromkeys(text_hash(text[cell.id]) for text in texts if cell.id in text)),
            form=forms.get(cell.id),
        )
        for cell in lab.cells
        if cell.role in ("task", "check", "written")
    )
    return GivenModule(id=lab.module, title=title, cells=tuple(cells))


def _forms(check: Cell, visible: str) -> Iterator[tuple[str, AnswerForm]]:
    """The form that the `visible` half of a check asks for, with the task that it judges."""
    for node in ast.walk(ast.parse(visible)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "answered":
            name, kind = ast.unparse(node.args[0]), ast.literal_eval(node.args[1])
            stated = {str(word.arg): ast.literal_eval(word.value) for word in node.keywords}
            yield check.targets[0], AnswerForm(name=name, kind=kind, **stated)


def _digest(folder: Path) -> str:
    """Tells one release from another: the first 12 digits of SHA-256 over its files' names and contents."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    each = (f"{file_hash(path)}  {path.relative_to(folder).as_posix()}" for path in files)
    return hashlib.sha256("\n".join(each).encode()).hexdigest()[:12]


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


def _secret_lines(lab: Lab) -> set[str]:
    """Lines of solutions and hidden tests, long enough to be nobody else's, that students do not have."""
    given = "\n".join(cell.source for cell in student_notebook(lab).cells)
    texts = [cell.source for cell in lab.cells if cell.role in ("task", "check", "written")]
    lines = {line.strip() for text in texts for line in text.splitlines()}
    return {line for line in lines if len(line) >= 30 and line not in given and line != _DRAWS and _tells(line)}


def _inner_words(line: str) -> frozenset[str]:
    """Words that whole any text has which holds `line`; the first and the last may be parts of longer ones there."""
    return frozenset(_WORD.findall(line)[1:-1])


def _tells(line: str) -> bool:
    """Whether `line` is more than an import, which anybody would write."""
    try:
        return not all(isinstance(node, (ast.Import, ast.ImportFrom)) for node in ast.parse(line).body)
    except SyntaxError:
        return True


def _reject_leaks(found: list[str]) -> None:
    if found:
        raise GraderError("the release would give away:\n  " + "\n  ".join(found[:20]))
