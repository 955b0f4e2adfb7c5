"""What every test stands on: no network, no usage reports, and nothing of the settings of whoever runs it."""

from __future__ import annotations

import gc
import os
import socket
import sys
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

# Material that tests read: notebooks and cells that are not tests themselves, some of them wrong on purpose.
collect_ignore_glob = ["*.ipynb", "courses/*", "submissions/*", "hostile/*"]

# Files of minutes go to the workers first, so that none of them works alone at the end.
LONG = ("tests/test_container.py", "tests/labs/", "tests/autograder/test_hostile.py", "tests/test_demo.py")
INHERITED = ("GIT_", "LAB_", "MLFLOW_", "MLOPS_", "NBGRADER_", "DVC_", "REDIS_")
QUIET = {
    # Hidden inputs are drawn from it: the same ones at each run, so that a red test is a change and not the dice.
    "AUTOGRADER_SECRET": "aca67b31a1f3c973fa48d51e428bbb711b6023cde2f296f3d66b85a352d2e9d6",
    "DO_NOT_TRACK": "true",
    "DVC_NO_ANALYTICS": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,  # a person's commit signing or hooks would change what git does
    "GIT_CONFIG_SYSTEM": os.devnull,
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # two processes that import all of MLflow beside each server
    "MPLBACKEND": "Agg",
    "OMP_NUM_THREADS": "1",  # tests run beside each other: threads that wait for a busy core make seconds minutes
}


class CellOutput:
    """Shows what a failed notebook cell has printed; nbval says only on which stream."""

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        if report.failed:
            for output in getattr(item, "test_outputs", None) or ():
                report.sections.append((f"printed on {output.get('name')}", output.get("text", "")))
        return report


def pytest_configure(config: pytest.Config) -> None:
    """Set the environment before any test module imports a library that reads it."""
    gc.set_threshold(50_000, 20, 100)  # at Python's own 700 it took a tenth of all the time
    config.pluginmanager.register(CellOutput())  # by itself: a conftest's hooks reach only the tests beside it
    for name in [name for name in os.environ if name.startswith(INHERITED)]:
        del os.environ[name]
    os.environ.update(QUIET)
    # nbgrader and dvc start alembic and git by name: find this environment's, whether or not it was activated.
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])


def all_of_them() -> bool:
    """Whether the tests that are marked `thorough` run, too: the ones that take minutes."""
    return "1" in (os.environ.get("THOROUGH"), os.environ.get("REQUIRE_ALL"))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The long files first; each file's tests stay together and in order. Thorough ones run when they are asked for."""
    items.sort(key=lambda item: not item.nodeid.startswith(LONG))
    thorough = [item for item in items if item.get_closest_marker("thorough")]
    if not all_of_them() and len(thorough) < len(items):  # a file that is named alone is asked for
        config.hook.pytest_deselected(items=thorough)
        items[:] = [item for item in items if not item.get_closest_marker("thorough")]


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Say what was not run, and how to run it; workers keep to themselves what they left out."""
    left = terminalreporter.stats.get("deselected") or getattr(config.option, "numprocesses", None)
    if left and not all_of_them():
        terminalreporter.write_line(
            "Left to continuous integration: the tests marked thorough, which grade whole labs, build the image, kill "
            "servers and run the workflows. To run them, too: make test THOROUGH=1"
        )


def pytest_collection_finish() -> None:
    """Spare the garbage collector what was imported, for good."""
    gc.collect()
    gc.freeze()


def pytest_unconfigure() -> None:
    """Let go of it again: DuckDB's binding lists at the end of the process whatever is left, on stderr."""
    gc.unfreeze()


@pytest.fixture(autouse=True, scope="session")
def no_network() -> Iterator[None]:
    """Refuse connections that leave this machine."""
    connect = socket.socket.connect

    def connect_here(self: socket.socket, address: Any, /) -> None:
        # A datagram socket sends nothing when it connects; libraries ask it for this machine's own address.
        internet = self.family in (socket.AF_INET, socket.AF_INET6) and self.type == socket.SOCK_STREAM
        if internet and not is_loopback(address[0]):
            raise RuntimeError(f"A test connected to {address}. Tests run without a network: use a local double.")
        connect(self, address)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", connect_here)
        yield


def is_loopback(host: str) -> bool:
    """Whether `host` is this machine: 127.0.0.0/8, ::1 or localhost."""
    return host in ("localhost", "::1") or host.startswith("127.")
