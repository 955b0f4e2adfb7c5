"""`python -m lib`."""

import os
import sys

from lib.warm import ADDRESS, run

if __name__ == "__main__":
    address = os.environ.pop(ADDRESS, None)
    if address is not None:
        raise SystemExit(run(address, "lib", sys.argv[1:]))

    from lib.cli import main

    raise SystemExit(main())
