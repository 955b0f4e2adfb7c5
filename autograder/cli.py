"""`autograder`: make a course of notebooks, hand in, collect, grade and report, and prove how good the grading is."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import webbrowser
from collections.abc import Callable, Iterator
from pathlib import Path

from autograder.cli_collect import add_collect
from autograder.cli_help import TermCommands
from autograder.cli_proof import add_proof
from autograder.cli_student import add_submit, submit
from autograder.command import ended
from autograder.course import Course, load_course
from autograder.errors import GraderError
from autograder.models import Grade, Rubric
from autograder.pool import OpenPool


def main(argv: list[str] | None = None) -> int:
    """Run one command; returns 0, or 1 with the reason on stderr."""
    arguments = _parser().parse_args(argv)
    return ended(lambda: arguments.run(_course(arguments), arguments))


def _course(arguments: argparse.Namespace) -> Course:
    if getattr(arguments, "nbgrader_source", None) is None:
        return load_course(arguments.course)
    from autograder.nbgrader_course import adopt_course

    return adopt_course(arguments.nbgrader_source, arguments.out)


def _build(course: Course, arguments: argparse.Namespace) -> int:
    from autograder.build import build_module, build_page, minutes, stale_files, stale_pages
    from autograder.languages import build_translation, stale_translations, translations

    names = arguments.modules or [*course.pages, *(module.id for module in course.modules)]
    if arguments.draft:
        return _draft(course, arguments)
    translated = translations(course, names, arguments.lang)
    english = [] if arguments.lang else names
    modules = [name for name in english if name not in course.pages]
    if arguments.check:
        pages = [] if arguments.lang else stale_pages(course)
        stale = [*(reason for module in modules for reason in stale_files(course, module)), *pages]
        stale += stale_translations(course, translated)
        count = len(modules) + len(translated) + (0 if arguments.lang else len(course.pages))
        print("\n".join(stale) or f"{count} notebooks are up to date")
        return 1 if stale else 0
    for page in [name for name in english if name in course.pages]:
        build_page(course, page)
        print(f"{page}: built (a page without points)")
    for module in modules:
        split = minutes(build_module(course, module, execute=not arguments.no_execute))
        print(f"{module}: built ({split['theory']:g} minutes of theory, {split['practice']:g} of practice)")
    for language, notebook in translated:
        build_translation(course, language, notebook)
        print(f"{language}/{notebook}: built")
    return 0


def _draft(course: Course, arguments: argparse.Namespace) -> int:
    from autograder.languages import write_draft

    if not arguments.lang or not arguments.modules:
        raise GraderError("a draft needs a language and notebooks: autograder build --lang vi --draft 02_registry")
    for notebook in arguments.modules:
        path, draft = write_draft(course, arguments.lang, notebook)
        counts = ", ".join(f"{len(getattr(draft, state))} {state}" for state in ("current", "new", "changed"))
        print(f"{path}: {counts}" + (f"; dropped {', '.join(draft.dropped)}" if draft.dropped else ""))
    return 0


def _grade(course: Course, arguments: argparse.Namespace) -> int:
    from autograder.batch import find_submissions, grade_class
    from autograder.gradebook import read_marks
    from autograder.nbgrader_course import find_handed_in

    find = find_handed_in if arguments.nbgrader_source else find_submissions
    entries = find(course, arguments.submissions, arguments.module)
    entries = [entry for entry in entries if course[entry.module].core or not arguments.core]
    if not entries:
        raise GraderError(f"nothing of {arguments.submissions} is in the course's core; leave out --core")
    _keep_cohort(course, arguments.cohort, arguments.out)
    marks = read_marks(arguments.marks) if arguments.marks else None
    pool = _pool(course, arguments, [entry.module for entry in entries])
    width = max(len(entry.student) for entry in entries)
    print(_table_head(width, course.rubrics), flush=True)
    options = {"marks": marks, "pool": pool, "walls": arguments.walls, "again": arguments.again}
    with _printer(width, course.rubrics) as progress:
        grades = grade_class(course, entries, arguments.out, progress=progress, **options)
    print(f"\n{arguments.out / 'index.html'}  {arguments.out / 'grades.csv'}  {arguments.out / 'gradebook.db'}")
    if arguments.open and _has_screen():
        webbrowser.open((arguments.out / "index.html").resolve().as_uri())
    return 1 if any("grader error" in flag for grade in grades for flag in grade.flags) else 0


def _has_screen() -> bool:
    return sys.platform == "darwin" or "DISPLAY" in os.environ or "WAYLAND_DISPLAY" in os.environ


def _pool(course: Course, arguments: argparse.Namespace, submitted: list[str]) -> OpenPool | None:
    from autograder.pool import dask_pool, local_pool

    if arguments.scheduler:
        return dask_pool(arguments.scheduler)
    workers = min(arguments.workers or os.cpu_count() or 1, len(submitted))
    return local_pool(workers, course.preloads(submitted)) if workers > 1 else None


def _try(course: Course, arguments: argparse.Namespace) -> int:
    from autograder.trial import solution_submission, try_file

    module, walls = arguments.source.stem, arguments.walls
    grade = (
        try_file(course, module, arguments.submission, walls=walls)
        if arguments.submission
        else solution_submission(course, module, walls=walls)
    )
    for check in grade.checks:
        print(f"{check.points:4g} /{check.possible:3g}  {check.seconds:5.2f} s  {check.cell}: {check.outcome}")
        if check.reason and check.reason != check.outcome:
            print("".join(f"{'':18}{line}\n" for line in check.reason.splitlines()), end="")
    print("\n".join(f"flag: {flag}" for flag in grade.flags))
    print(_table_head(len(grade.student), course.rubrics))
    print(_table_line(grade, len(grade.student), course.rubrics))
    return 0


def _report(course: Course, arguments: argparse.Namespace) -> int:
    from autograder.exports import read_roster
    from autograder.report import read_grades, rewrite_report

    read_grades(arguments.folder)  # what cannot be read is said before anything is written
    if arguments.roster:
        read_roster(arguments.roster)
        (arguments.folder / "roster.csv").write_bytes(arguments.roster.read_bytes())
    _keep_cohort(course, arguments.cohort, arguments.folder)
    grades = rewrite_report(course, arguments.folder)
    waiting = sum(bool(grade.pending) for grade in grades)
    print(f"{arguments.folder / 'index.html'}: {len(grades)} graded, {waiting} with marks still to give")
    return 0


def _keep_cohort(course: Course, cohort: Path | None, folder: Path) -> None:
    """Keep the cohort's dates in `folder`, so that its report knows them from then on."""
    from autograder.cohort import FILE, read_cohort

    if cohort is None:
        return
    read_cohort(cohort, course)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / FILE).write_bytes(cohort.read_bytes())


def _regrade(course: Course, arguments: argparse.Namespace) -> int:
    from autograder.regrade import regrade

    found = regrade(course, arguments.record, arguments.submission, walls=arguments.walls)
    verdict = "the same points" if found.equal else f"{len(found.points)} give other points"
    print(f"{found.student}, {found.module}: {found.checks} checks, {verdict}")
    for title, lines in (("points", found.points), ("since the record", found.causes)):
        print("".join(f"  {title}: {line}\n" for line in lines), end="")
    return 0 if found.equal else 1


def _submit(course: Course, arguments: argparse.Namespace) -> int:
    from autograder.build import load_lab
    from autograder.release import handout_of

    return submit(handout_of(course, [load_lab(course, course[arguments.module].id)]), arguments)


def _release(course: Course, arguments: argparse.Namespace) -> int:
    from autograder.release import write_release

    files = write_release(course, arguments.out)
    print(f"{arguments.out}: {files} files, nothing of the instructor's among them")
    return 0


@contextlib.contextmanager
def _printer(width: int, rubrics: tuple[Rubric, ...]) -> Iterator[Callable[[int, int, Grade], None]]:
    """Prints a line for each submission and, on a terminal, a bar with the rate and the time that is left."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"), TimeRemainingColumn())
    console = Console(soft_wrap=True, highlight=False, markup=False)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=None)

        def show(done: int, total: int, grade: Grade) -> None:
            console.print(f"{_table_line(grade, width, rubrics)}   {done}/{total}, {grade.seconds:.1f} s")
            speed = bar.tasks[task].speed
            bar.update(task, completed=done, total=total, description=f"{60 * speed:.0f} a minute" if speed else "")

        yield show


def _table_head(width: int, rubrics: tuple[Rubric, ...]) -> str:
    return f"{'student':{width}}  {'module':12}" + "".join(f"{name:>9}" for name in (*rubrics, "pending", "total"))


def _table_line(grade: Grade, width: int, rubrics: tuple[Rubric, ...]) -> str:
    points = [*(getattr(grade, rubric) for rubric in rubrics), grade.pending, grade.total]
    return f"{grade.student:{width}}  {grade.module:12}" + "".join(f"{value:9g}" for value in points)


def _parser() -> argparse.ArgumentParser:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="autograder", description=__doc__, formatter_class=raw)
    parser.usage = "autograder [-h] [--course COURSE] COMMAND ..."
    parser.add_argument("--course", type=Path, default=Path(), help="the course's folder (default: here)")
    commands = TermCommands(parser)

    build = commands.add_parser("build", help="make both notebooks from solutions/<module>.py")
    build.add_argument("modules", nargs="*", metavar="MODULE")
    build.add_argument("--lang", metavar="LANGUAGE", help="only the notebooks of this second language, such as vi")
    build.add_argument(
        "--draft", action="store_true", help="with --lang: write what is to be translated into solutions/LANGUAGE/"
    )
    build.add_argument("--check", action="store_true", help="only say whether the built files are up to date")
    build.add_argument("--no-execute", action="store_true", help="do not run the instructor's notebook")
    build.set_defaults(run=_build)

    grade = commands.add_parser("grade", help="grade a notebook or a class")
    grade.add_argument("submissions", type=Path, help="SUBMISSIONS/<student>/<module>/<module>.ipynb, or one notebook")
    grade.add_argument("--out", type=Path, required=True, help="where the grades go")
    grade.add_argument(
        "--source",
        dest="nbgrader_source",
        type=Path,
        help="an nbgrader course instead of this one: FOLDER/<assignment>/<notebook>.ipynb as nbgrader writes them",
    )
    grade.add_argument("--module", help="grade only this module")
    grade.add_argument("--core", action="store_true", help="grade only the modules of the course's core")
    grade.add_argument("--marks", type=Path, help="a CSV of marks: student,module,cell,points")
    grade.add_argument("--workers", type=int, help="how many submissions run at a time (default: one a core)")
    grade.add_argument("--scheduler", metavar="ADDRESS", help="grade on the workers of this Dask scheduler instead")
    grade.add_argument("--again", action="store_true", help="grade what an earlier run into this folder graded, too")
    grade.add_argument("--open", action="store_true", help="show the report in a browser, where there is a screen")
    grade.set_defaults(run=_grade)

    report = commands.add_parser("report", help="write a graded class's pages and tables again, with today's marks")
    report.add_argument("folder", type=Path, metavar="DIR", help="what `grade --out DIR` wrote")
    report.add_argument("--roster", type=Path, help="a CSV: student,name,id,email,section; kept as DIR/roster.csv")
    report.set_defaults(run=_report)
    for command in (grade, report):
        command.add_argument(
            "--cohort", type=Path, help="a TOML file: due dates and late policy, in place of course.toml's; kept in DIR"
        )

    trial = commands.add_parser("try", help="grade one file and print every check's reason")
    trial.add_argument("source", type=Path, help="solutions/<module>.py")
    trial.add_argument("--submission", type=Path, help="a notebook, or a percent file of only the cells that differ")
    trial.set_defaults(run=_try)

    again = commands.add_parser("regrade", help="grade a recorded submission again and compare, check by check")
    again.add_argument("--record", type=Path, required=True, help="DIR/records/<student>/<module>.json")
    again.add_argument("--submission", type=Path, help="the notebook (default: the one kept in DIR/submitted)")
    again.set_defaults(run=_regrade)

    for command in (grade, trial, again):
        command.add_argument(
            "--no-sandbox", dest="walls", action="store_false", help="no walls: only for code you trust"
        )

    release = commands.add_parser("release", help="write the folder that students get")
    release.add_argument("--out", type=Path, default=Path("out/release"))
    release.set_defaults(run=_release)

    add_submit(commands).set_defaults(run=_submit)
    add_collect(commands)
    add_proof(commands)
    parser.epilog = commands.listed()
    return parser
