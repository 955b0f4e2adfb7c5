"""The locks, the conda file and the installed environment say the same, and need no host of ours."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from importlib.metadata import packages_distributions, version
from itertools import product
from pathlib import Path

import pytest
import yaml
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.require import require

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "requirements.lock"
DEV_LOCK = ROOT / "requirements-dev.lock"
SERVING_LOCK = ROOT / "requirements-serving.lock"
LOCKS = [LOCK, DEV_LOCK, SERVING_LOCK]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
COURSE = [*ROOT.glob("lib/**/*.py"), *ROOT.glob("autograder/**/*.py")]
SERVING = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]["serving"]
TARGETS = list(product(("3.11", "3.12", "3.13"), ("linux", "darwin")))


@dataclass(frozen=True)
class Pin:
    """One entry of a lock."""

    requirement: Requirement
    hashes: frozenset[str]

    @property
    def name(self) -> str:
        return canonicalize_name(self.requirement.name)

    @property
    def version(self) -> str:
        return str(self.requirement.specifier).removeprefix("==")

    def applies(self, environment: dict[str, str]) -> bool:
        return self.requirement.marker is None or self.requirement.marker.evaluate(environment)


def read_lock(path: Path) -> list[Pin]:
    """The entries of a lock; any line that is no entry, hash or comment is an error."""
    pins = []
    for entry in re.split(r"\n(?=\S)", path.read_text().strip()):
        lines = [line.strip().removesuffix("\\").strip() for line in entry.splitlines()]
        hashes = frozenset(line for line in lines[1:] if line.startswith("--hash=sha256:"))
        rest = [line for line in lines[1:] if line not in hashes and not line.startswith("#")]
        assert not rest, f"{path.name}: {lines[0]} is followed by {rest}"
        pins.append(Pin(Requirement(lines[0]), hashes))
    return pins


def names_imported(path: Path) -> set[str]:
    """The full name of all that a file imports, wherever in it."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def imported(path: Path) -> set[str]:
    """The top-level modules of these."""
    return {name.partition(".")[0] for name in names_imported(path)}


def environment(python: str, platform: str) -> dict[str, str]:
    """The marker values of another Python on another system."""
    system = {"linux": "Linux", "darwin": "Darwin"}[platform]
    return {
        **{name: str(value) for name, value in default_environment().items()},
        "python_version": python,
        "python_full_version": f"{python}.9",
        "sys_platform": platform,
        "platform_system": system,
        "platform_machine": "x86_64",
    }


def pinned(lock: Path, marker_values: dict[str, str]) -> dict[str, str]:
    """Versions by name, as the lock gives them to one kind of machine."""
    return {pin.name: pin.version for pin in read_lock(lock) if pin.applies(marker_values)}


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_every_pin_is_exact_and_carries_hashes(lock):
    """What is installed is what was locked, to the byte."""
    for pin in read_lock(lock):
        assert re.fullmatch(r"==[^,*]+", str(pin.requirement.specifier)), pin
        assert pin.hashes, pin


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_no_lock_names_a_host(lock):
    """A lock works with any package index."""
    text = lock.read_text()
    assert "://" not in text
    assert "@" not in re.sub(r"#.*", "", text)
    assert not [line for line in text.splitlines() if line.startswith("-")]


def test_the_locks_agree_on_every_shared_pin():
    """A developer runs exactly the versions that a learner runs."""
    developers = {(pin.name, pin.version): pin.hashes for pin in read_lock(DEV_LOCK)}
    learners = {(pin.name, pin.version): pin.hashes for pin in read_lock(LOCK)}
    assert learners.items() <= developers.items()


def test_the_image_has_the_versions_that_were_tested():
    """Each pin of the container image is one of the developers', to the hash; what the image is to hold is in it."""
    developers = {(pin.name, pin.version): pin.hashes for pin in read_lock(DEV_LOCK)}
    image = {(pin.name, pin.version): pin.hashes for pin in read_lock(SERVING_LOCK)}
    assert image.items() <= developers.items(), "run make lock"
    wanted = {canonicalize_name(Requirement(line).name) for line in SERVING}
    assert wanted <= {name for name, _ in image}, "run make lock"
    assert len(image) < len(developers) / 2


@pytest.mark.parametrize(("python", "platform"), TARGETS)
def test_the_locks_pin_one_version_of_each_package(python, platform):
    """No two entries for one name apply to one machine."""
    names = [pin.name for pin in read_lock(DEV_LOCK) if pin.applies(environment(python, platform))]
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize(("python", "platform"), TARGETS)
@pytest.mark.parametrize("lock", [LOCK, DEV_LOCK], ids=lambda path: path.name)
def test_the_project_s_requirements_are_met_by_the_lock(lock, python, platform):
    """pyproject.toml did not change without `make lock`."""
    wanted = PROJECT["dependencies"] + (PROJECT["optional-dependencies"]["dev"] if lock == DEV_LOCK else [])
    versions = pinned(lock, environment(python, platform))
    for requirement in map(Requirement, wanted):
        if requirement.marker and not requirement.marker.evaluate(environment(python, platform)):
            continue
        name = canonicalize_name(requirement.name)
        locked = versions.get(name, "no version")
        assert locked in requirement.specifier, f"{requirement} is locked at {locked}: run make lock"


def test_what_the_course_imports_is_declared():
    """Nothing works only because another package happens to bring it."""
    extras = PROJECT["optional-dependencies"]
    lines = [*PROJECT["dependencies"], *extras["audit"], *extras["cluster"]]
    declared = {canonicalize_name(Requirement(line).name) for line in lines}
    ours = {"lib", "autograder", *sys.stdlib_module_names}
    providers = packages_distributions()
    for path in COURSE:
        for module in imported(path) - ours:
            names = {canonicalize_name(name) for name in providers[module]}
            assert names & declared, f"{path.relative_to(ROOT)} imports {module}: declare it in pyproject.toml"


def test_what_the_course_imports_is_typed():
    """mypy passes over some packages, which makes Any of whatever comes from them: none of them is imported here."""
    mypy = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["mypy"]
    parts = [part for part in mypy["overrides"] if part.get("follow_imports") == "skip"]
    skipped = tuple(name.removesuffix("*") for part in parts for name in part["module"])
    assert skipped
    names = {f"{name}." for path in COURSE for name in names_imported(path)}
    assert not [name for name in names if name.startswith(skipped)]


def test_the_build_backend_is_locked():
    """Setup builds the course without isolation, so with what the lock installed."""
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"]
    versions = pinned(LOCK, environment("3.11", "linux"))
    assert all(versions[requirement.name] in requirement.specifier for requirement in map(Requirement, build))


def test_the_installed_versions_are_the_locked_ones():
    """Tests speak about the locked environment, so they run in it."""
    here = {name: str(value) for name, value in default_environment().items()}
    wanted = pinned(DEV_LOCK, here)
    assert {name: version(name) for name in wanted} == wanted, "run make setup"


def test_conda_installs_the_same_lock(tmp_path):
    """conda brings Python and pip and nothing else; pip accepts what conda hands it and finds it satisfied."""
    document = yaml.safe_load((ROOT / "environment.yml").read_text())
    python, pip, packages = document["dependencies"]
    assert (python, pip, packages) == ("python=3.11", "pip", {"pip": ["-r requirements.lock"]})
    for lock in (LOCK, DEV_LOCK):
        (tmp_path / lock.name).write_text(lock.read_text())
    handed = tmp_path / "condaenv.requirements.txt"  # conda writes the pip part to a file and installs that
    handed.write_text("\n".join(packages["pip"]))
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--no-index", "--quiet", "-r", str(handed)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_conda_installs_the_course_as_make_does():
    """The commands for conda users are the ones that `make setup` runs."""
    setup, conda = (ROOT / ".ci/setup").read_text(), (ROOT / "environment.yml").read_text()
    for command in ("--no-deps --no-build-isolation -e .", "-m lib.store"):
        assert command in setup
        assert command in conda


def test_a_missing_component_skips_on_a_laptop(monkeypatch):
    """The reason names what is missing and the way out."""
    monkeypatch.delenv("REQUIRE_ALL", raising=False)
    with pytest.raises(pytest.skip.Exception, match=r"warp drive is missing\. Build one"):
        require("warp drive", present=False, way_out="Build one.")


def test_a_missing_component_fails_where_nothing_may_be_missing(monkeypatch):
    """Under REQUIRE_ALL=1 no test skips unseen."""
    monkeypatch.setenv("REQUIRE_ALL", "1")
    with pytest.raises(pytest.fail.Exception, match="warp drive is missing"):
        require("warp drive", present=False, way_out="Build one.")
