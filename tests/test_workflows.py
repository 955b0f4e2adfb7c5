"""Continuous integration and the devcontainer: valid, pinned, with the least rights, calling what a person calls."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).resolve().parents[1]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
SUPPORTED = SpecifierSet(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"])

every_workflow = pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)


def steps(path: Path) -> list[dict]:
    """All steps of all jobs of a workflow."""
    return [step for job in yaml.safe_load(path.read_text())["jobs"].values() for step in job["steps"]]


def test_the_workflows_follow_github_s_schema():
    """check-jsonschema ships the schema, so this needs no network."""
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows"]
    done = subprocess.run([*command, *map(str, WORKFLOWS)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@every_workflow
def test_actions_are_pinned_to_commits(path):
    """A tag can be moved to other code; a commit cannot. The comment says which release it is."""
    uses = re.findall(r"uses: *(.+)", path.read_text())
    assert uses
    for action in uses:
        assert re.fullmatch(r"[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action), action


@every_workflow
def test_a_workflow_may_only_read(path):
    """Nothing in the checks writes to the repository, and the checkout leaves no token behind."""
    document = yaml.safe_load(path.read_text())
    assert document["permissions"] == {"contents": "read"}
    assert all("permissions" not in job for job in document["jobs"].values())
    for step in steps(path):
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False


@every_workflow
def test_a_workflow_calls_only_what_a_person_can_call(path):
    """Whatever fails there can be repeated at home with the same words."""
    for step in steps(path):
        assert re.fullmatch(r"(sudo )?(\.ci/\w+|make [\w ]+)", step.get("run", ".ci/run")), step


@every_workflow
def test_every_job_has_an_end_and_a_supported_python(path):
    """A hanging job stops, and the tested versions are the supported ones."""
    for job in yaml.safe_load(path.read_text())["jobs"].values():
        assert job["timeout-minutes"] <= 30
        (given,) = [step["with"]["python-version"] for step in job["steps"] if "python-version" in step.get("with", {})]
        wanted = job["strategy"]["matrix"]["python"] if "matrix." in given else [given]
        assert all(f"{python}.0" in SUPPORTED for python in wanted)


def test_zizmor_finds_nothing():
    """The field's auditor of workflows: no template injection, no token left behind, no right too many."""
    command = [str(Path(sys.executable).with_name("zizmor")), "--offline", "--no-progress", "--persona", "pedantic"]
    done = subprocess.run([*command, *map(str, WORKFLOWS)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """A clean clone of what is committed, which uses this environment and takes it as made for it."""
    folder = tmp_path_factory.mktemp("clone") / "course"
    subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", str(ROOT), str(folder)], check=True)
    for path in (folder / "pyproject.toml", *folder.glob("requirements*.lock"), *(folder / ".ci").iterdir()):
        os.utime(path, (1, 1))
    if (ROOT / ".mypy_cache").is_dir():  # by content, so that what was checked before is not checked again
        shutil.copytree(ROOT / ".mypy_cache", folder / ".mypy_cache")
    tools = folder.with_name("tools")
    tools.mkdir()
    (tools / "sudo").write_text('#!/bin/sh\nexec "$@"\n')
    (tools / "sudo").chmod(0o755)
    return folder


# What a run of the tests has no time for: the same commands on less.
SMALLER = {
    "TESTS": "tests/test_overview.py",
    "JOBS": "1",
    "PIPELINE_OPTIONS": "--rows-a-day 4 --until validate_data",
    "CT_OPTIONS": "--story stable --rows-a-day 4",
}


@every_workflow
def test_the_steps_run_in_a_clean_clone(path, clone):
    """Each job's own commands, one after the other, in the shell and environment that the workflow gives them."""
    document = yaml.safe_load(path.read_text())
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(("MAKE", "MFLAGS", "PYTEST"))}
    for job in document["jobs"].values():
        for step in job["steps"]:
            if "run" not in step:
                continue
            given = {**document.get("env", {}), **job.get("env", {}), **step.get("env", {})}
            given.pop("PYTHON", None)  # the runner's own; here it is the Python of this environment
            environment = {**inherited, **SMALLER, **given, "VENV": sys.prefix, "CI": "true"}
            environment["PATH"] = f"{clone.with_name('tools')}{os.pathsep}{environment['PATH']}"
            shell = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c"] if "shell" in step else ["bash", "-ec"]
            done = subprocess.run(
                [*shell, step["run"]], cwd=clone, env=environment, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, f"{step['run']}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
    for step in (step for job in document["jobs"].values() for step in job["steps"]):
        for made in step.get("with", {}).get("path", "").split():
            assert (clone / made).exists(), f"{made} is to be kept, and no step makes it"


def test_the_check_lets_nothing_be_missing_and_ends_with_the_tests():
    """.ci/run fails where a laptop would skip, and pytest has the last word."""
    script = (ROOT / ".ci/run").read_text()
    assert "set -euo pipefail" in script
    assert "export REQUIRE_ALL=1" in script
    assert script.strip().endswith("make lint test")


def test_the_devcontainer_sets_the_course_up():
    """A container opens ready for the first lab, on the Python of the lock."""
    container = json.loads((ROOT / ".devcontainer/devcontainer.json").read_text())
    assert container["postCreateCommand"].endswith("make setup")
    python = re.search(r"python:(\d+\.\d+)", container["image"])
    assert python is not None
    assert f"{python[1]}.0" in SUPPORTED
