"""How every command of the grader is added, and how it ends: one line on stderr when something is wrong."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from autograder.errors import GraderError


class Commands(Protocol):
    """What commands are added to: argparse's own subparsers, or those that `--help` lists under headings."""

    def add_parser(self, name: str, *, help: str) -> argparse.ArgumentParser: ...  # noqa: A002 - argparse's word


def ended(command: Callable[[], int]) -> int:
    """Run `command`; returns its number, or 1 with the reason on stderr."""
    # Before numpy starts: checks then compute what the kernels compute, bit for bit, and do not fight over cores.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # nbgrader starts alembic by name: find this environment's, whether or not it was activated.
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    try:
        return int(command())
    except GraderError as error:
        print(f"autograder: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"autograder: {error}; when that is mended, the same command goes on from here", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("autograder: stopped; the same command goes on from here", file=sys.stderr)
        return 130
