"""`python -m autograder`: every command, or the students' where only their half is."""

import sys
from importlib import import_module
from importlib.util import find_spec


def main() -> int:
    """Run the command line of what is there."""
    whole = find_spec("autograder.cli")
    return int(import_module("autograder.cli" if whole else "autograder.cli_student").main())


if __name__ == "__main__":
    sys.exit(main())
