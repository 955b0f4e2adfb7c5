"""nbgrader's gradebook and folders, so that formgrader, feedback and export work as instructors know them."""

from __future__ import annotations

import csv
import datetime as dt
from pathlib import Path

import nbformat
from nbgrader.api import Gradebook
from nbgrader.preprocessors import (
    CheckCellMetadata,
    ClearOutput,
    ClearSolutions,
    ComputeChecksums,
    LockCells,
    SaveCells,
)

from autograder.build import CODE_STUB, TEXT_STUB, instructor_notebook, nbgrader_config
from autograder.check import result
from autograder.errors import GraderError
from autograder.grading import Graded
from autograder.merge import read_handed_in
from autograder.models import CheckResult, Grade, Lab, Outcome, Rubric
from autograder.score import grade as score_grade

_CONFIG = '''"""nbgrader's settings for this graded class: `cd` here and run `nbgrader formgrade` or `jupyter lab`."""

c = get_config()  # noqa: F821 - nbgrader provides it
c.CourseDirectory.root = __file__.rsplit("/", 1)[0]
c.CourseDirectory.db_url = "sqlite:///" + c.CourseDirectory.root + "/gradebook.db"
c.ExportPlugin.to = "nbgrader-grades.csv"
c.ClearSolutions.code_stub = {{"python": {code!r}}}
c.ClearSolutions.text_stub = {text!r}
# Formgrader and feedback show what students' code put out: text and pictures, nothing that a browser would run.
c.HTMLExporter.preprocessors = ["nbconvert.preprocessors.sanitize.SanitizeHTML"]
c.SanitizeHTML.safe_output_keys = {{"text/plain", "image/png", "image/jpeg", "metadata"}}
c.SanitizeHTML.sanitized_output_types = set()
'''


Marks = dict[tuple[str, str, str], float]


def read_marks(path: Path) -> Marks:
    """A person's marks from a CSV with the columns student, module, cell, points."""
    marks: Marks = {}
    with path.open(newline="", encoding="utf-8") as file:
        for number, row in enumerate(csv.DictReader(file), start=2):
            try:
                marks[row["student"], row["module"], row["cell"]] = float(row["points"])
            except (KeyError, TypeError, ValueError) as error:
                raise GraderError(
                    f"{path}:{number}: want student,module,cell,points with a number; got {row}"
                ) from error
    return marks


class ClassBook:
    """The gradebook of one graded class in `folder`; all writes come from this one process."""

    def __init__(self, folder: Path, marks: Marks | None = None) -> None:
        self.folder = folder
        self._marks = marks or {}
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "nbgrader_config.py").write_text(_CONFIG.format(code=CODE_STUB, text=TEXT_STUB), "utf-8")
        self.url = f"sqlite:///{folder / 'gradebook.db'}"
        self._book = Gradebook(self.url)

    def close(self) -> None:
        self._book.close()

    def add_module(self, lab: Lab) -> None:
        """Enter the module's graded cells, and its source notebook for nbgrader's own commands."""
        assignment, name = lab.gradebook_names
        self._book.update_or_create_assignment(assignment)
        source = self.folder / "source" / assignment / f"{name}.ipynb"
        source.parent.mkdir(parents=True, exist_ok=True)
        notebook = instructor_notebook(lab)
        nbformat.write(notebook, source)
        resources = {"nbgrader": {"notebook": name, "assignment": assignment, "db_url": self.url}}
        for step in (LockCells, ClearSolutions, ClearOutput, CheckCellMetadata, ComputeChecksums, SaveCells):
            notebook, resources = step(parent=None, config=nbgrader_config()).preprocess(notebook, resources)
        self._book.db.expire_all()

    def save(self, lab: Lab, graded: Graded, handed_in: Path | None, maxima: dict[Rubric, float]) -> Grade:
        """Write one submission: notebooks, scores, and marks given by a person; returns the final grade."""
        student, module = graded.grade.student, graded.grade.module
        self._write_notebooks(lab, graded, handed_in)
        self._book.update_or_create_student(student)
        with self._book.db.no_autoflush:  # nbgrader builds the submission's rows before it adds the submission
            self._book.update_or_create_submission(lab.gradebook_names[0], student, timestamp=_handed_in_at(handed_in))
        checks = [self._entered(lab, check, student) for check in graded.grade.checks]
        self._book.db.commit()
        final = score_grade(student, module, checks, maxima)
        self._reconcile(lab, final)
        return final.model_copy(update={"flags": graded.grade.flags, "seconds": graded.grade.seconds})

    def _entered(self, lab: Lab, check: CheckResult, student: str) -> CheckResult:
        """Enter one cell's points; a person's mark, given now or earlier, wins over the automatic score."""
        assignment, notebook = lab.gradebook_names
        entry = self._book.find_grade(check.cell, notebook, assignment, student)
        mark = self._marks.get((student, lab.module, check.cell), entry.manual_score)
        if mark is not None and not 0 <= mark <= check.possible:
            raise GraderError(f"{student}: {mark:g} points for {check.cell}, which gives 0 to {check.possible:g}")
        if mark is not None:
            check = result(lab[check.cell], Outcome.MARKED, check.reason, points=mark)
        entry.manual_score = mark
        entry.auto_score = None if check.outcome is Outcome.PENDING else check.points
        entry.needs_manual_grade = check.outcome in (Outcome.PENDING, Outcome.ERRORED)
        return check

    def _write_notebooks(self, lab: Lab, graded: Graded, handed_in: Path | None) -> None:
        student, (assignment, notebook) = graded.grade.student, lab.gradebook_names
        handed_in_at = _handed_in_at(handed_in)
        for kind in ("submitted", "autograded"):
            folder = self.folder / kind / student / assignment
            folder.mkdir(parents=True, exist_ok=True)
            if handed_in_at:  # formgrader takes a submission for ungraded unless these say the same moment
                (folder / "timestamp.txt").write_text(f"{handed_in_at.isoformat(' ')} UTC\n", "utf-8")
        autograded = self.folder / "autograded" / student / assignment / f"{notebook}.ipynb"
        # Outputs are the student's: they may hold half of a surrogate pair, which no file can.
        autograded.write_text(f"{nbformat.writes(graded.notebook)}\n", "utf-8", errors="replace")
        if handed_in is None:
            return
        try:
            copy = read_handed_in(handed_in)
        except OSError:
            return  # the grade's flags say what is wrong with the file
        (self.folder / "submitted" / student / assignment / f"{notebook}.ipynb").write_bytes(copy)

    def _reconcile(self, lab: Lab, final: Grade) -> None:
        self._book.db.expire_all()
        assignment, notebook = lab.gradebook_names
        kept = self._book.find_submission_notebook(notebook, assignment, final.student).score
        if abs(kept - final.total) > 1e-9:
            raise GraderError(
                f"gradebook.db says {kept:g} for {final.student}/{final.module}, the checks sum to {final.total:g}"
            )


def _handed_in_at(path: Path | None) -> dt.datetime | None:
    if path is None or not path.is_file():
        return None
    return dt.datetime.fromtimestamp(path.stat().st_mtime, dt.UTC).replace(tzinfo=None)
