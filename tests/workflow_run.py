"""Our workflows on this machine as GitHub runs them: jobs by their needs, in clean clones, in the shells they ask for.

Of actions only the four that we use are known; whatever else a workflow could say and ours do not is an error here.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
# What a run of the tests has no time for: the same commands on less.
SMALLER = {
    "TESTS": "tests/test_overview.py",
    "JOBS": "0",
    # Of pytest's plugins those that `make test` names; importing all the others takes ten seconds.
    "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    "PYTEST_PLUGINS": "xdist.plugin,nbval.plugin",
    "PIPELINE_OPTIONS": "--rows-a-day 4 --until validate_data",
    "CT_OPTIONS": "--story stable --rows-a-day 4",
}
_JOB = {"name", "uses", "needs", "runs-on", "timeout-minutes", "environment", "strategy", "env", "steps"}
_STEP = {"name", "uses", "with", "run", "env", "if", "shell"}
_OUTER = ("MAKE", "MFLAGS", "PYTEST")  # of the make and the pytest around the tests
_SHELLS = {None: ("bash", "-e"), "bash": ("bash", "--noprofile", "--norc", "-eo", "pipefail")}


@dataclass(frozen=True)
class Ended:
    """How a job ended: success, failure or skipped; what its commands said; which of them ran."""

    result: str
    said: str = ""
    ran: tuple[str, ...] = ()


SUCCESS = Ended("success")


@dataclass
class Runner:
    """What GitHub keeps between the jobs of a run, and what this machine gives them.

    `prepare` is called with the clone that a job has checked out and the job's name. Where `approved` is false, nobody
    lets a job into an environment. A matrix is run once, on the Python that runs the tests.
    """

    source: Path
    folder: Path
    variables: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    approved: bool = True
    prepare: Callable[[Path, str], None] = lambda _clone, _job: None
    artifacts: dict[str, Path] = field(default_factory=dict)

    def run(self, path: Path, *, known: Mapping[str, Ended] | None = None) -> dict[str, Ended]:
        """All jobs of a workflow, by name; those that are `known` to have ended are not run again."""
        ends, waiting = dict(known or {}), yaml.safe_load(path.read_text())["jobs"]
        while left := {name: job for name, job in waiting.items() if name not in ends}:
            ready = [name for name, job in left.items() if set(_needs(job)) <= set(ends)]
            assert ready, f"{sorted(left)} need each other, or a job that there is not"
            for name in ready:
                met = all(ends[need].result == "success" for need in _needs(left[name]))
                ends[name] = self.job(path, name) if met else Ended("skipped")
        return ends

    def job(self, path: Path, name: str) -> Ended:
        """One job of a workflow, whatever it needs."""
        document = yaml.safe_load(path.read_text())
        job = document["jobs"][name]
        assert set(job) <= _JOB, f"{path.name}, {name}: {set(job) - _JOB} is not known here"
        if "uses" in job:
            ends = self.run(self.source / job["uses"])
            worst = "success" if all(end.result == "success" for end in ends.values()) else "failure"
            return Ended(worst, "\n".join(end.said for end in ends.values()), sum((e.ran for e in ends.values()), ()))
        if "environment" in job and not self.approved:
            return Ended("failure", f"nobody let {name} into {job['environment']}")
        return self._steps(name, job, {**document.get("env", {}), **job.get("env", {})})

    def _steps(self, name: str, job: Mapping[str, Any], variables: Mapping[str, str]) -> Ended:
        clone, said, ran, failed = self._fresh(name), [], [], False
        for step in job["steps"]:
            assert set(step) <= _STEP, f"{name}: {set(step) - _STEP} is not known here"
            if not {None: not failed, "always()": True, "failure()": failed}[step.get("if")]:
                continue
            if "run" in step:
                ran.append(step["run"])
                done = self._shell(step, clone, variables)
                said.append(f"$ {step['run']}\n{done.stdout}{done.stderr}")
                failed |= done.returncode != 0
            elif trouble := self._action(step, clone, name, failed=failed):
                said.append(trouble)
                failed = True
        return Ended("failure" if failed else "success", "\n".join(said), tuple(ran))

    def _fresh(self, name: str) -> Path:
        """A machine that nothing was done on."""
        clone = self.folder / name
        shutil.rmtree(clone, ignore_errors=True)
        clone.mkdir(parents=True)
        return clone

    def _shell(
        self, step: Mapping[str, Any], clone: Path, given: Mapping[str, str]
    ) -> subprocess.CompletedProcess[str]:
        inherited = {
            key: value for key, value in os.environ.items() if not key.startswith(("MAKE", "MFLAGS", "PYTEST"))
        }
        filled = {key: self._filled(str(value)) for key, value in {**given, **step.get("env", {})}.items()}
        filled.pop("PYTHON", None)  # the runner's own; here it is the Python of this environment
        environment = {**inherited, **SMALLER, "VENV": sys.prefix, **self.variables, **filled, "CI": "true"}
        environment["PATH"] = f"{self._tools()}{os.pathsep}{environment['PATH']}"
        command = [*_SHELLS[step.get("shell")], "-c", step["run"]]
        return subprocess.run(command, cwd=clone, env=environment, capture_output=True, text=True, check=False)

    def _filled(self, text: str) -> str:
        """With the expressions that ours use; a secret that there is not is empty, as on GitHub."""

        def value(found: re.Match[str]) -> str:
            context, _, key = found[1].partition(".")
            assert context in ("secrets", "matrix"), f"{found[0]} is not known here"
            return self.secrets.get(key, "") if context == "secrets" else ""

        return re.sub(r"\$\{\{ *([\w.-]+) *\}\}", value, text)

    def _tools(self) -> Path:
        """GitHub's runner may call sudo without a password; whoever runs the tests may not."""
        tools = self.folder / "tools"
        if not tools.exists():
            tools.mkdir(parents=True)
            (tools / "sudo").write_text('#!/bin/sh\nexec "$@"\n')
            (tools / "sudo").chmod(0o755)
        return tools

    def _action(self, step: Mapping[str, Any], clone: Path, job: str, *, failed: bool) -> str | None:
        """What went wrong with an action; it does what its real one does to the files of the job."""
        action, options = step["uses"].partition("@")[0], step.get("with", {})
        if action == "actions/checkout":
            self._checkout(clone, job)
        elif action == "actions/upload-artifact":
            return self._upload(clone, options, failed=failed)
        elif action == "actions/download-artifact":
            if options["name"] not in self.artifacts:
                return f"no artifact is called {options['name']}"
            _copied(self.artifacts[options["name"]], clone / options["path"])
        else:
            assert action == "actions/setup-python", f"{action} is not known here"
        return None

    def _checkout(self, clone: Path, job: str) -> None:
        subprocess.run(["git", "clone", "--quiet", "--shared", str(self.source), str(clone)], check=True)
        self.prepare(clone, job)
        # This environment is taken as made for it; else `make` would make it again, for this clone.
        for path in (clone / "pyproject.toml", *clone.glob("requirements*.lock"), *(clone / ".ci").iterdir()):
            os.utime(path, (1, 1))

    def _upload(self, clone: Path, options: Mapping[str, str], *, failed: bool) -> str | None:
        """Stricter than GitHub, which only warns of a missing file: what a job is to keep, it has to make."""
        kept = [clone / path for path in options["path"].split()]
        if missing := [str(path.relative_to(clone)) for path in kept if not path.exists()]:
            return None if failed else f"{', '.join(missing)} is to be kept, and no step makes it"
        top = Path(os.path.commonpath([path if path.is_dir() else path.parent for path in kept]))
        target = self.folder / "artifacts" / options["name"]
        shutil.rmtree(target, ignore_errors=True)
        for path in kept:
            _copied(path, target / path.relative_to(top))
        self.artifacts[options["name"]] = target
        return None


def _copied(source: Path, target: Path) -> None:
    """The same files, as links, for an image is large."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, copy_function=os.link, dirs_exist_ok=True)
    else:
        os.link(source, target)


def _needs(job: Mapping[str, Any]) -> list[str]:
    needs = job.get("needs", [])
    return [needs] if isinstance(needs, str) else needs
