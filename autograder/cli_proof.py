"""Commands that show what the grading is worth: `walls` keep student code in, and an `audit` proves the checks."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from autograder.command import Commands

if TYPE_CHECKING:
    from autograder.course import Course


def add_proof(commands: Commands) -> None:
    """Add `audit` and `walls` to the commands."""
    audit = commands.add_parser("audit", help="prove how good the grading is")
    audit.add_argument("modules", nargs="*", metavar="MODULE")
    audit.add_argument("--json", type=Path, default=Path("out/audit.json"), help="where the findings go")
    audit.add_argument("--part", action="append", choices=("known", "hostile", "borrowed", "guess", "mutants"))
    audit.add_argument("--task", action="append", help="only the mutants and borrowed answers of this task")
    audit.add_argument("--sample", type=int, help="try at most so many mutants a task")
    audit.add_argument("--seed", type=int, default=0, help="which sample (default: 0)")
    audit.add_argument(
        "--students", type=int, default=3, help="whose hidden inputs each known submission meets (default: 3 students')"
    )
    audit.add_argument("--workers", type=int, default=1, help="how many submissions run at a time (default: 1)")
    audit.set_defaults(run=_audit)

    walls = commands.add_parser("walls", help="say whether student code can be walled in here, and if not, why")
    walls.set_defaults(run=_walls)


def _audit(course: Course, arguments: argparse.Namespace) -> int:
    from rich.console import Console

    from autograder.audit.audit import PARTS, Scope, audit_module, write_audit
    from autograder.audit.mutation import Sample
    from autograder.audit.summary import print_summary

    console = Console(soft_wrap=True)
    scope = Scope(
        parts=tuple(arguments.part or PARTS),
        tasks=tuple(arguments.task or ()),
        sample=Sample(arguments.sample, arguments.seed),
        students=arguments.students,
        workers=arguments.workers,
    )
    records = {}
    for module in arguments.modules or [module.id for module in course.modules]:
        records[module] = audit_module(course, module, scope, lambda text: console.print(text, markup=False))
        print_summary(module, records[module], console)
    write_audit(records, arguments.json)
    print(f"\n{arguments.json}")
    return 1 if any(part.problems for part in records.values()) else 0


def _walls(course: Course, arguments: argparse.Namespace) -> int:  # noqa: ARG001 - every command takes both
    from autograder.walls.sandbox import Sandbox

    sandbox = Sandbox(course.model_copy(update={"preload": ()}))  # what it imports has no say in this
    sandbox.start()
    print(f"student code runs {sandbox.kind}")
    sandbox.close()
    return 0
