"""The known submissions of every module of the course."""

from __future__ import annotations

from pathlib import Path

from autograder.audit.known import Kind, Known, known_submissions
from autograder.course import load_course

ROOT = Path(__file__).parents[2]
COURSE = load_course(ROOT)
MODULES = [module.id for module in COURSE.modules]


def known(kind: Kind) -> list[Known]:
    """All `wrong` or `alt` submissions, by module and name."""
    return [submission for module in MODULES for submission in known_submissions(COURSE, module, kind)]
