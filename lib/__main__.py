"""`python -m lib`."""

from lib.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
