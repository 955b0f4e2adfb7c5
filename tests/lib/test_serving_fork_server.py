"""What is forked from the fork server finds its imports done."""

from __future__ import annotations

from lib.serving.fork_server import IMPORTED, forking


def test_replicas_and_workers_find_their_imports_done():
    """Each of them, in a process that has done nothing else yet."""
    all_there = f"import sys; sys.exit(not {set(IMPORTED)!r} <= sys.modules.keys())"
    process = forking().Process(target=exec, args=(all_there,))
    process.start()
    process.join()
    assert process.exitcode == 0
