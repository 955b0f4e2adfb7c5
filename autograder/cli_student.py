"""The commands that students have: `python -m autograder submit`, in the folder that they were given."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from autograder.command import Commands, ended

if TYPE_CHECKING:
    from autograder.handout import Handout
    from autograder.precheck import RubricLine
    from autograder.submit import Packed


def main(argv: list[str] | None = None) -> int:
    """Run one command of a release; returns 0, or 1 with the reason on stderr."""
    parser = argparse.ArgumentParser(
        prog="autograder",
        description="The students' half of the grader.",
        epilog="Building, grading and collecting are the instructors' half, which is not in this folder.",
    )
    parser.add_argument("--course", type=Path, default=Path(), help="the folder that you were given (default: here)")
    submit = add_submit(parser.add_subparsers(required=True, metavar="COMMAND"))
    submit.set_defaults(run=_submit)
    arguments = parser.parse_args(argv)
    return ended(lambda: arguments.run(arguments))


def add_submit(commands: Commands) -> argparse.ArgumentParser:
    """Add `submit` to the commands; the caller says what runs it."""
    submit = commands.add_parser("submit", help="pack one module for handing in, and say what is missing")
    submit.add_argument("module", metavar="MODULE", help="such as 03_serving")
    submit.add_argument("--student", required=True, metavar="ID", help="the id under which you hand in")
    submit.add_argument("--notebook", type=Path, metavar="FILE", help="the notebook, if it is not the lab's own file")
    submit.add_argument("--lang", metavar="LANGUAGE", help="take the lab in this language: vi is labs/vi/MODULE")
    submit.add_argument("--out", type=Path, default=Path("out/submit"), metavar="DIR", help="(default: out/submit)")
    submit.add_argument("--run", dest="rehearse", action="store_true", help="first run the notebook here from the top")
    return submit


def submit(handout: Handout, arguments: argparse.Namespace) -> int:
    """Pack the notebook, and print what the grader will find in it."""
    from autograder.submit import pack

    folder = arguments.course / "labs" / (arguments.lang or "") / arguments.module
    notebook = arguments.notebook or folder / f"{arguments.module}.ipynb"
    packed = pack(
        handout,
        arguments.module,
        arguments.student,
        notebook,
        arguments.out,
        lock=arguments.course / "requirements.lock",
        run=arguments.rehearse,
    )
    print(f"{notebook} of {arguments.student}: what the grader will find in it\n")
    print("\n".join(_told(packed)))
    return 0


def _submit(arguments: argparse.Namespace) -> int:
    from autograder.handout import read_handout

    return submit(read_handout(arguments.course), arguments)


def _told(packed: Packed) -> list[str]:
    lines = [text for line in packed.found.lines for text in _line(line)]
    lines += [f"note: {flag}" for flag in packed.found.submission.flags]
    missing = sum(line.possible - line.in_reach for line in packed.found.lines)
    gaps = f"with gaps: {missing:g} points are out of reach" if missing else "nothing is missing"
    return [*lines, "", f"{packed.path}: {gaps}. Hand in this file; run the command again after a change."]


def _line(line: RubricLine) -> list[str]:
    reach = f"{line.in_reach:g} of {line.possible:g} points in reach"
    return [
        f"{line.rubric:8} {line.attempted} of {line.tasks} attempted, {reach}",
        *(f"    {remark}" for remark in line.remarks),
    ]
