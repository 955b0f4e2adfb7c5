"""Continuous integration and the devcontainer: valid, pinned, with the least rights, calling what a person calls."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.specifiers import SpecifierSet

from lib.delivery.training import Record
from lib.registry import find_version
from lib.settings import Settings
from tests.workflow_run import SUCCESS, Ended, Runner

ROOT = Path(__file__).resolve().parents[1]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
WORKFLOW = {path.stem: path for path in WORKFLOWS}
SUPPORTED = SpecifierSet(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"])

every_workflow = pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)


def jobs(path: Path) -> dict[str, dict]:
    """The jobs of a workflow that have steps of their own."""
    return {name: job for name, job in yaml.safe_load(path.read_text())["jobs"].items() if "uses" not in job}


def steps(path: Path) -> list[dict]:
    """All steps of all jobs of a workflow."""
    return [step for job in jobs(path).values() for step in job["steps"]]


def validated(*paths: Path) -> subprocess.CompletedProcess[str]:
    """What GitHub's schema of workflows says."""
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows"]
    return subprocess.run([*command, *map(str, paths)], capture_output=True, text=True, check=False)


def failures(ends: Mapping[str, Ended]) -> str:
    """What the jobs said that did not get through."""
    return "\n".join(f"{job}: {end.said[-3000:]}" for job, end in ends.items() if end.result != "success")


def test_the_workflows_follow_github_s_schema():
    """check-jsonschema ships the schema, so this needs no network."""
    done = validated(*WORKFLOWS)
    assert done.returncode == 0, done.stdout + done.stderr


@every_workflow
def test_actions_are_pinned_to_commits(path):
    """A tag can be moved to other code; a commit cannot. The comment says which release it is."""
    uses = re.findall(r"uses: *(.+)", path.read_text())
    assert uses
    for action in uses:
        if action.startswith("./"):  # a workflow of ours, at the very commit of the one that calls it
            assert (ROOT / action.partition(" ")[0]).exists()
            continue
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
    """A hanging job stops, and the tested versions are the supported ones; an image brings its own Python."""
    for job in jobs(path).values():
        assert job["timeout-minutes"] <= 30
        given = [step["with"]["python-version"] for step in job["steps"] if "python-version" in step.get("with", {})]
        assert len(given) == int([step.get("run") for step in job["steps"] if "run" in step] != ["make image"])
        for version in given:
            wanted = job["strategy"]["matrix"]["python"] if "matrix." in version else [version]
            assert all(f"{python}.0" in SUPPORTED for python in wanted)


def test_zizmor_finds_nothing():
    """The field's auditor of workflows: no template injection, no token left behind, no right too many."""
    command = [str(Path(sys.executable).with_name("zizmor")), "--offline", "--no-progress", "--persona", "pedantic"]
    done = subprocess.run([*command, *map(str, WORKFLOWS)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def runner(tmp_path_factory) -> Callable[..., Runner]:
    """Makes a runner of what is committed; `prepare` and so on as Runner takes them."""
    cache = tmp_path_factory.mktemp("cache") / "mypy"
    if (ROOT / ".mypy_cache").is_dir():  # by content, so that what was checked before is not checked again
        shutil.copytree(ROOT / ".mypy_cache", cache)

    def make(**options: Any) -> Runner:
        variables = {"MYPY_CACHE_DIR": str(cache), **options.pop("variables", {})}
        return Runner(ROOT, tmp_path_factory.mktemp("runner"), variables=variables, **options)

    return make


def run_all(runner: Runner, name: str) -> Mapping[str, Ended]:
    """How the jobs of a workflow ended, each of which ran and got through."""
    ends = runner.run(WORKFLOW[name])
    assert {job: end.result for job, end in ends.items()} == dict.fromkeys(ends, "success"), failures(ends)
    assert all(end.ran for end in ends.values())
    return ends


@pytest.mark.thorough
def test_the_steps_of_ci_run_in_a_clean_clone(runner):
    """Each job's own commands, one after the other, in the shell and environment that the workflow gives them.

    Those of cd.yml are run where its image is built, in test_container.py.
    """
    run_all(runner(), "ci")


@pytest.mark.thorough
def test_those_of_ct_leave_a_table_a_record_and_a_picture(runner):
    """A stable market in a small quarter: what is told of each training is kept, and the winner is in a registry."""
    fresh = runner()
    ends = run_all(fresh, "ct")
    kept = fresh.artifacts["ct"] / "ct"
    record = Record.model_validate_json((kept / "ct.json").read_text())
    assert record.story == "stable"
    assert record.attempts
    assert all(str(day.attempt) in ends["train"].said for day in record.attempts)
    assert (kept / "ct.png").read_bytes().startswith(b"\x89PNG")
    registry = Settings(root=fresh.folder / "train/out/ct/work")
    assert find_version(registry.served_model, 1, settings=registry).stage == "None"


def add_red_test(clone: Path, _job: str) -> None:
    """A test that fails, beside those that pass."""
    (clone / "tests/test_red.py").write_text("def test_red():\n    assert 1 + 1 == 3\n")


@pytest.fixture
def without_lint(tmp_path) -> Path:
    """This environment, in which what `make lint` calls has nothing to say: it was heard in the test above."""
    programs = tmp_path / "venv" / "bin"
    programs.mkdir(parents=True)
    (programs.parent / ".ready").touch()
    (programs / "pytest").symlink_to(Path(sys.prefix, "bin", "pytest"))
    for name in ("ruff", "mypy", "lint-imports", "autograder", "python"):
        (programs / name).symlink_to(shutil.which("true"))
    return programs.parent


def test_a_red_test_stops_the_release(runner, without_lint):
    """cd.yml with one failing test among the others: nothing is built, tried or released, whoever would approve it."""
    smaller = {"TESTS": "tests/test_overview.py tests/test_red.py", "VENV": str(without_lint)}
    red = runner(prepare=add_red_test, variables=smaller)
    ends = red.run(WORKFLOW["cd"])
    assert {job: end.result for job, end in ends.items()} == {
        "check": "failure", "image": "skipped", "staging": "skipped", "production": "skipped",
    }  # fmt: skip
    assert re.search(r"1 failed, \d+ passed", ends["check"].said), ends["check"].said[-2000:]
    assert "assert (1 + 1) == 3" in ends["check"].said
    assert red.artifacts == {}


@pytest.mark.parametrize("stopped", ["check", "image", "staging"])
def test_what_was_stopped_goes_no_further(stopped, runner):
    """Each job of cd.yml needs the one before it, directly or not, and none runs in spite of it."""
    order = ["check", "image", "staging", "production"]
    place = order.index(stopped)
    known = dict.fromkeys(order[:place], SUCCESS) | {stopped: Ended("failure")}
    ends = runner().run(WORKFLOW["cd"], known=known)
    assert [ends[job].result for job in order[place + 1 :]] == ["skipped"] * (len(order) - place - 1)


def test_nothing_is_released_without_approval(runner):
    """Where nobody lets the job into the environment, none of its commands runs."""
    waiting = runner(approved=False)
    ends = waiting.run(WORKFLOW["cd"], known={"check": SUCCESS, "image": SUCCESS, "staging": SUCCESS})
    assert ends["production"] == Ended("failure", "nobody let production into production")


def test_only_production_sees_its_secrets():
    """The jobs before it, where anybody's change is tried, are given none; no secret stands in a command."""
    for name, path in WORKFLOW.items():
        document = yaml.safe_load(path.read_text())
        for job, content in document["jobs"].items():
            secret = "secrets" in json.dumps(content)
            assert secret == (name == "cd" and job == "production"), (name, job)
            assert all("secrets" not in step.get("run", "") for step in content.get("steps", []))


# What stands in cd.yml, what somebody made of it, and what is said of that.
BROKEN = [
    ("  image:\n", "  image\n", "could not find expected ':'"),
    ("    needs: check\n", "\tneeds: check\n", "cannot start any token"),
    ("runs-on: ubuntu-latest", "run-on: ubuntu-latest", "'runs-on' is a required property"),
    ("environment: production", "environment: [production]", "environment: ['production'] is not of type 'string'"),
]


def test_a_broken_workflow_is_refused_with_the_reason(tmp_path):
    """What GitHub would not run does not get past the tests: no YAML, a misspelt key, a value of another kind."""
    text = WORKFLOW["cd"].read_text()
    for number, (right, wrong, _) in enumerate(BROKEN):
        assert right in text
        (tmp_path / f"{number}.yml").write_text(text.replace(right, wrong))
    done = validated(*sorted(tmp_path.iterdir()))
    assert done.returncode != 0
    # Of each file: its name, then what is wrong, before the name of the next.
    parts = re.split(r"/(\d)\.yml", done.stdout)
    said = {int(number): words for number, words in zip(parts[1::2], parts[2::2], strict=True)}
    assert sorted(said) == list(range(len(BROKEN)))
    for number, (_, _, words) in enumerate(BROKEN):
        assert words in said[number]


def test_a_release_that_forgets_a_need_is_noticed(runner, tmp_path):
    """The tests above would see it: without `needs`, staging would be tried on an image that nobody checked."""
    path = tmp_path / "cd.yml"
    path.write_text(WORKFLOW["cd"].read_text().replace("    needs: image\n", ""))
    ends = runner(variables={"MAKEFLAGS": "--dry-run"}).run(path, known={"check": Ended("failure")})
    assert ends["image"].result == "skipped"
    assert ends["staging"].result != "skipped"


def test_the_check_lets_nothing_be_missing_and_ends_with_the_tests():
    """.ci/run fails where a laptop would skip, and pytest has the last word."""
    script = (ROOT / ".ci/run").read_text()
    assert "set -euo pipefail" in script
    assert "export REQUIRE_ALL=1" in script
    assert script.strip().splitlines()[-2:] == ["make lint", "exec make test"]


def test_the_devcontainer_sets_the_course_up():
    """A container opens ready for the first lab, on the Python of the lock."""
    container = json.loads((ROOT / ".devcontainer/devcontainer.json").read_text())
    assert container["postCreateCommand"].endswith("make setup")
    python = re.search(r"python:(\d+\.\d+)", container["image"])
    assert python is not None
    assert f"{python[1]}.0" in SUPPORTED
