"""`autograder collect`: from what Canvas, Moodle or an exchange gives to the folder that `autograder grade` takes."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from autograder.command import Commands

if TYPE_CHECKING:
    from autograder.collect import Collected
    from autograder.course import Course


def add_collect(commands: Commands) -> None:
    """Add `collect` to the commands."""
    collect = commands.add_parser("collect", help="gather what came in: folders, Canvas, Moodle or nbgrader's exchange")
    collect.add_argument("sources", nargs="+", type=Path, metavar="SOURCE", help="a folder, an archive or a notebook")
    collect.add_argument("--out", type=Path, required=True, metavar="SUBMISSIONS", help="what `grade` then takes")
    collect.add_argument("--roster", type=Path, help="a CSV: student,name,id,email,section; only they are students")
    collect.add_argument("--cohort", type=Path, help="a TOML file: due dates and late policy, as `grade` takes it")
    collect.set_defaults(run=_collect)


def _collect(course: Course, arguments: argparse.Namespace) -> int:
    from autograder.cohort import read_cohort, with_dates
    from autograder.collect import collect
    from autograder.exports import read_roster

    if arguments.cohort:
        course = with_dates(course, read_cohort(arguments.cohort, course))
    people = read_roster(arguments.roster) if arguments.roster else None
    print("\n".join(_told(course, collect(course, arguments.sources, arguments.out, people), arguments.out)))
    return 0


def _told(course: Course, collected: Collected, out: Path) -> list[str]:
    from autograder.readable import readable

    students = {student for student, _ in collected.attempts}
    earlier = sum(len(attempts) - 1 for attempts in collected.attempts.values())
    lines = [f"{out}: {len(collected.attempts)} notebooks of {len(students)} students, {earlier} earlier ones beside"]
    lines += [
        f"  {student}, {module}: {attempts[0].note}"
        for (student, module), attempts in collected.attempts.items()
        if attempts[0].note
    ]
    untimed = sum(
        attempts[0].clock == "download" and course[module].due is None
        for (_, module), attempts in collected.attempts.items()
    )
    if untimed:
        lines.append(
            f"  {untimed} count as handed in at the download: their archive tells no times, and no due date is set"
        )
    if collected.not_taken:
        lines += ["", f"not taken: {len(collected.not_taken)}"]
        lines += [f"  {readable(each.place, 200)}: {readable(each.reason, 300)}" for each in collected.not_taken]
    return [*lines, "", f"{out / 'collected.csv'} lists them all; next: autograder grade {out} --out DIR"]
