"""Every error text that the troubleshooting page quotes is one that the source named beside it really says."""

from __future__ import annotations

import ast
import errno
import os
import re
import subprocess
import sys
import sysconfig
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "labs" / "guide" / "troubleshooting.md").read_text("utf-8")
ENTRIES = re.findall(r"^### `([^\n]+)`\n<!-- from ([^\n]+) -->\n(.*?)(?=^#|\Z)", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize(("text", "source"), [entry[:2] for entry in ENTRIES], ids=[entry[0] for entry in ENTRIES])
def test_the_text_is_said_where_the_page_says(text: str, source: str, tmp_path: Path) -> None:
    """A quoted text is part of a message of its source, `…` standing for whatever the program fills in."""
    pattern = ".*?".join(map(re.escape, re.split(r"\s*…\s*", text)))
    assert any(re.search(pattern, said, re.DOTALL) for said in messages(source, tmp_path)), source


def test_every_heading_has_a_source_and_advice() -> None:
    """No entry escapes the test above for a typing error, and none leaves the reader without a way out."""
    assert len(ENTRIES) == PAGE.count("\n### ") > 50
    assert all(advice.strip() for _, _, advice in ENTRIES)


def messages(source: str, folder: Path) -> list[str]:
    """What `source` can say: the strings of a Python file, a script's text, or what the program says when asked."""
    if source.startswith("errno "):
        return [os.strerror(getattr(errno, source.split()[1]))]
    if source == "git":
        return [said_by(folder, "git", "init", "-q"), said_by(folder, "git", "commit", "--allow-empty", "-m", "x")]
    if source == "python":
        return [said_by(folder, sys.executable, "-ISc", code) for code in ("import lib", "unknown")]
    if source == "evidently":
        (found,) = find_spec("evidently").submodule_search_locations
        return [] if (Path(found) / "report.py").exists() else ["No module named 'evidently.report'"]
    if source.startswith("share/"):
        return [path.read_text("utf-8") for path in (Path(sys.prefix) / source).glob("jlab_core.*.js")]
    base = Path(sysconfig.get_path("purelib")).parent if source.startswith("site-packages/") else ROOT
    return strings(base / source) if source.endswith(".py") else [(base / source).read_text("utf-8")]


def said_by(folder: Path, *command: str) -> str:
    """What a command says to somebody whom git does not know, in a folder of their own."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "LC_ALL": "C", "GIT_CONFIG_NOSYSTEM": "1"}
    environment |= {"EMAIL": "", "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_COUNT": "1"}
    environment |= {"GIT_CONFIG_KEY_0": "user.useConfigOnly", "GIT_CONFIG_VALUE_0": "true"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False).stderr


@cache
def strings(path: Path) -> list[str]:
    """The strings of a Python file as they are put together, each value that is filled in as `…`."""
    found = []
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.JoinedStr):
            found.append("".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.append(re.sub(r"%[is]", "…", node.value))
    return found
