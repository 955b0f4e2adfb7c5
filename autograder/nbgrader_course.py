"""An existing nbgrader course, graded as it is: its source folder becomes a course whose modules are its notebooks."""

from __future__ import annotations

import json
from pathlib import Path

from autograder.batch import Entry
from autograder.course import Course, load_course
from autograder.errors import GraderError
from autograder.models import RUBRICS, Lab
from autograder.nbgrader_notebook import read_nbgrader
from autograder.students import student_ids


def adopt_course(folder: Path, out: Path) -> Course:
    """Write `out/course/solutions/course.toml` for the notebooks `folder/<assignment>/<notebook>.ipynb`, and load it.

    `folder` may be the course that holds `source/`. Each notebook is a module called `<assignment>.<notebook>`.
    """
    folder = (folder / "source" if (folder / "source").is_dir() else folder).resolve()
    notebooks = [path for path in sorted(folder.glob("*/*.ipynb")) if not path.parent.name.startswith(".")]
    labs = [read_nbgrader(path, f"{path.parent.name}.{path.stem}") for path in notebooks]
    labs = [lab for lab in labs if any(cell.role in ("check", "written") for cell in lab.cells)]
    if not labs:
        raise GraderError(f"{folder} holds no graded notebooks; expected {folder}/<assignment>/<notebook>.ipynb")
    path = out / "course" / "solutions" / "course.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(_course_toml(folder, labs), "utf-8")
    return load_course(out / "course")


def find_handed_in(course: Course, submissions: Path, module: str | None = None) -> list[Entry]:
    """The submissions `<student>/<assignment>/<notebook>.ipynb`, of every student in each assignment handed in."""
    if not submissions.is_dir():
        raise GraderError(f"{submissions} is no folder; pass one that holds a folder per student")
    students = sorted(path for path in submissions.iterdir() if path.is_dir() and not path.name.startswith("."))
    ids = student_ids([student.name for student in students])
    entries = []
    for one in course.modules:
        place = Path(Path(one.source).parent.name) / Path(one.source).name
        handed_in = any((student / place.parent).is_dir() for student in students)
        if module == one.id or (module is None and handed_in):
            entries += [Entry(ids[student.name], one.id, student / place) for student in students]
    if not entries:
        known = ", ".join(one.id for one in course.modules)
        raise GraderError(
            f"no <student>/<assignment>/<notebook>.ipynb of this course under {submissions}; it has {known}"
        )
    return entries


def _course_toml(folder: Path, labs: list[Lab]) -> str:
    sums = [{rubric: _points(lab, rubric) for rubric in RUBRICS} for lab in labs]
    rubric = {name: max(each[name] for each in sums) for name in RUBRICS}
    title = folder.parent.name if folder.name == "source" else folder.name
    lines = [
        "# Made from an nbgrader course by `autograder grade --source`; the rubric holds each line's largest sum.",
        f"title = {json.dumps(title)}",
        f"rubric = {{ {', '.join(f'{name} = {points:g}' for name, points in rubric.items() if points)} }}",
    ]
    for lab in labs:
        shown = f"{lab.assignment}: {Path(lab.path).stem}"
        lines += ["", "[[modules]]", f"id = {json.dumps(lab.module)}", f"title = {json.dumps(shown)}"]
        lines += [f"source = {json.dumps(lab.path)}"]
    return "\n".join(lines) + "\n"


def _points(lab: Lab, rubric: str) -> float:
    return sum(cell.points for cell in lab.graded if cell.rubric == rubric)
