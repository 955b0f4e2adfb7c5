"""Optional components: a test that needs one skips on a learner's laptop and fails where nothing may be missing."""

from __future__ import annotations

import os
import shutil

import pytest


def require(component: str, *, present: bool, way_out: str) -> None:
    """Skip the calling test with a reason unless `component` is present; under REQUIRE_ALL=1, fail it."""
    if present:
        return
    message = f"{component} is missing. {way_out}"
    if os.environ.get("REQUIRE_ALL") == "1":
        pytest.fail(f"{message} REQUIRE_ALL=1 lets no test skip.", pytrace=False)
    pytest.skip(message)


def executable(*names: str, way_out: str = "") -> str:
    """The path of the first of `names` that is on PATH; the same program may go by several."""
    paths = [path for path in map(shutil.which, names) if path]
    require(names[0], present=bool(paths), way_out=way_out or f"Install it (Debian: apt-get install {names[0]}).")
    return paths[0]


def chromium() -> str:
    """The browser that Playwright drives."""
    return executable("chromium", "chromium-browser", "google-chrome")
