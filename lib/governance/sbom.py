"""The bill of materials of an environment in CycloneDX, and what in it nobody has locked."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lib.errors import ProvenanceError

TIMEOUT_S = 300.0
# What the environment brings itself, and the project that stands in it.
_NOT_LOCKED = frozenset({"mlops-workbook", "pip", "setuptools", "wheel"})
_PINNED = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==([^\s;\\]+)", re.MULTILINE)


def write_sbom(to: Path, *, python: Path = Path(sys.executable)) -> dict[str, Any]:
    """Write the CycloneDX bill of all packages in the environment of `python`, as JSON, and return it.

    Each component has name, version, package URL and declared licences. The same environment gives the same bytes.
    Raises ProvenanceError when cyclonedx-py cannot read that environment.
    """
    command = [sys.executable, "-m", "cyclonedx_py", "environment", str(python), "--output-reproducible"]
    command += ["--no-validate", "--output-format", "JSON", "--output-file", str(to)]
    to.parent.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    if done.returncode != 0:
        raise ProvenanceError(
            f"the environment of {python} cannot be listed: {done.stderr.strip()[-300:]} Name the Python of a virtual "
            "environment."
        )
    bill: dict[str, Any] = json.loads(to.read_text("utf-8"))
    return bill


def packages(bill: Mapping[str, Any]) -> dict[str, str]:
    """The version of each package in a bill, by its normalised name.

    >>> packages({"components": [{"name": "Typing_Extensions", "version": "4.15.0"}]})
    {'typing-extensions': '4.15.0'}
    """
    return {_normal(each["name"]): str(each.get("version", "")) for each in bill.get("components", ())}


def licences(bill: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """What each package declares as its licences, by its normalised name; none where it declares nothing.

    >>> licences({"components": [{"name": "a", "licenses": [{"license": {"id": "MIT"}}]}, {"name": "b"}]})
    {'a': ('MIT',), 'b': ()}
    """
    return {_normal(each["name"]): _licences(each) for each in bill.get("components", ())}


def outside_lock(bill: Mapping[str, Any], lock: str) -> list[str]:
    r"""What is installed and not pinned by the text of a lock, or in another version: nobody has reviewed that.

    >>> outside_lock({"components": [{"name": "a", "version": "1"}, {"name": "b", "version": "2"}]}, "a==1\nb==1\n")
    ['b 2 (locked: 1)']
    """
    pinned: dict[str, set[str]] = {}
    for name, version in _PINNED.findall(lock):
        pinned.setdefault(_normal(name), set()).add(version)
    return [
        f"{name} {version} ({'locked: ' + ', '.join(sorted(pinned[name])) if name in pinned else 'not locked'})"
        for name, version in sorted(packages(bill).items())
        if name not in _NOT_LOCKED and version not in pinned.get(name, ())
    ]


def _licences(component: Mapping[str, Any]) -> tuple[str, ...]:
    found = []
    for each in component.get("licenses", ()):
        licence = each.get("license", {})
        found.append(str(each.get("expression") or licence.get("id") or licence.get("name")))
    return tuple(dict.fromkeys(found))


def _normal(name: str) -> str:
    """As the index spells it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()
