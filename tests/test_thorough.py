"""What takes minutes is left out only where nobody asked for it, and a run says so."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TESTS = {
    "test_long.py": "import pytest\n\n@pytest.mark.thorough\ndef test_of_minutes():\n    pass\n",
    "test_short.py": "def test_of_a_moment():\n    pass\n",
}


@pytest.mark.parametrize(
    ("asked", "files", "run"),
    [
        ({}, ["test_long.py", "test_short.py"], "1 passed, 1 deselected"),
        ({"THOROUGH": "1"}, ["test_long.py", "test_short.py"], "2 passed"),
        ({"REQUIRE_ALL": "1"}, ["test_long.py", "test_short.py"], "2 passed"),
        ({}, ["test_long.py"], "1 passed"),
    ],
    ids=["nobody asked", "asked", "continuous integration", "named alone"],
)
def test_thorough_tests_run_when_they_are_asked_for(asked, files, run, tmp_path):
    """Left out of a run of more; not where all must run, nor where nothing else was named."""
    for name, text in TESTS.items():
        (tmp_path / name).write_text(text, "utf-8")
    environment = {name: value for name, value in os.environ.items() if name not in ("REQUIRE_ALL", "THOROUGH")}
    environment |= {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": str(ROOT), **asked}
    options = ["-q", "-c", str(ROOT / "pyproject.toml"), "-p", "tests.conftest", "-p", "no:cacheprovider"]
    command = [sys.executable, "-m", "pytest", *options, *(str(tmp_path / name) for name in files)]
    said = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False).stdout
    assert f"\n{run} in" in said
    assert ("make test THOROUGH=1" in said) == ("deselected" in run)
