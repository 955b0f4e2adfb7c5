"""The bill of materials names what is installed, and what nobody has locked stands out."""

from __future__ import annotations

import sysconfig
from importlib.metadata import distributions, version
from pathlib import Path

import pytest

from lib.errors import ProvenanceError
from lib.governance.sbom import licences, outside_lock, packages, write_sbom

LOCK = (Path(__file__).parents[2] / "requirements-dev.lock").read_text("utf-8")


@pytest.fixture(scope="module")
def bill(tmp_path_factory):
    return write_sbom(tmp_path_factory.mktemp("sbom") / "sbom.json")


def test_every_installed_package_is_in_the_bill(bill):
    """With its version, a package URL, and for nearly all a declared licence."""
    found = packages(bill)
    assert bill["bomFormat"] == "CycloneDX"
    # Of the environment itself: some packages put copies of others, which they bring along, onto the path.
    installed = {each.metadata["Name"] for each in distributions(path=[sysconfig.get_path("purelib")])}
    assert {name.lower().replace("_", "-").replace(".", "-") for name in installed} <= set(found)
    assert found["scikit-learn"] == version("scikit-learn")
    assert all(each["purl"].startswith("pkg:pypi/") for each in bill["components"] if each["name"] != "mlops-workbook")
    known = licences(bill)
    assert "Apache" in known["mlflow"][0]
    assert sum(bool(each) for each in known.values()) > 0.9 * len(known)


def test_what_nobody_locked_stands_out(bill):
    """This environment comes from its lock; a package beside it, or another version, is named."""
    here = outside_lock(bill, LOCK)
    assert not [each for each in here if "(locked: " in each]
    smuggled = {"components": [*bill["components"], {"name": "left_pad", "version": "1.3"}]}
    assert set(outside_lock(smuggled, LOCK)) - set(here) == {"left-pad 1.3 (not locked)"}
    older = LOCK.replace(f"\nduckdb=={version('duckdb')}", "\nduckdb==1.0")
    assert set(outside_lock(bill, older)) - set(here) == {f"duckdb {version('duckdb')} (locked: 1.0)"}


def test_an_environment_that_is_none_is_told(tmp_path):
    """With its name."""
    with pytest.raises(ProvenanceError, match="cannot be listed"):
        write_sbom(tmp_path / "sbom.json", python=tmp_path / "absent")
