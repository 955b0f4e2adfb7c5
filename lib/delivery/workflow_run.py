"""A rehearsal of a workflow: which jobs and steps run and how they end when given commands fail, as GitHub has it.

Scripts run in a real shell, so `|| true`, pipes and `set +e` mean what they mean there. Source: docs.github.com,
"Workflow syntax" and "Evaluate expressions"; that a job with continue-on-error counts as a success for the jobs that
need it is actions/runner issue 1161.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from lib.delivery.workflow import Job, Step, Workflow, read_workflow, schema_faults
from lib.delivery.workflow_expressions import as_text, fill, holds, is_true
from lib.delivery.workflow_shell import Shell, rehearsal_shell
from lib.errors import WorkflowError

SUCCESS, FAILURE, SKIPPED = "success", "failure", "skipped"
_STARS = re.compile(r"\\\*\\\*|\\\*")
_MEANS = {r"\*\*": ".*", r"\*": "[^/]*"}


@dataclass(frozen=True)
class Event:
    """What happened: an event of GitHub's, on `branch`. `title` is what a stranger wrote above a change or commit."""

    name: str = "push"
    branch: str = "main"
    title: str = "Better prices"

    @property
    def ref(self) -> str:
        return "refs/pull/7/merge" if self.name == "pull_request" else f"refs/heads/{self.branch}"


@dataclass(frozen=True)
class StepEnd:
    """How a step ended: `outcome` before continue-on-error, `conclusion` after it."""

    outcome: str
    conclusion: str
    commands: tuple[str, ...] = ()
    printed: str = ""
    secrets: tuple[str, ...] = ()
    uses: str = ""


@dataclass(frozen=True)
class JobEnd:
    """How a job ended, as its own check shows it."""

    result: str
    steps: tuple[StepEnd, ...] = ()
    outputs: Mapping[str, str] = field(default_factory=dict)

    @property
    def commands(self) -> tuple[str, ...]:
        """The command lines that it called, in order."""
        return tuple(command for step in self.steps for command in step.commands)


@dataclass(frozen=True)
class RunEnd:
    """How a run ended: what a pull request or commit shows; None when the event does not start the workflow."""

    conclusion: str | None
    jobs: Mapping[str, JobEnd] = field(default_factory=dict)

    @property
    def commands(self) -> tuple[str, ...]:
        """The command lines that its jobs called, in order."""
        return tuple(command for job in self.jobs.values() for command in job.commands)


def run_workflow(
    workflow: Workflow,
    event: Event | None = None,
    *,
    failing: Sequence[str] = (),
    approved: bool = True,
    secrets: Mapping[str, str] | None = None,
) -> RunEnd:
    """Run `workflow` for `event` while the commands named in `failing` fail (such as "make test").

    Without `approved`, nobody lets the jobs with an environment pass. `secrets` are there for every event.
    """
    event = event or Event()
    if not starts(workflow, event):
        return RunEnd(None)
    with rehearsal_shell(failing) as shell:
        run = _Run(workflow, event, shell, secrets or {}, approved=approved)
        for job in workflow.jobs:
            run.jobs[job.id] = run.job(job)
    failed = any(end.result == FAILURE for name, end in run.jobs.items() if name not in run.excused)
    return RunEnd(FAILURE if failed else SUCCESS, run.jobs)


def starts(workflow: Workflow, event: Event) -> bool:
    """Whether the event starts the workflow; filters by path are taken to match."""
    if event.name not in workflow.triggers:
        return False
    filters = workflow.triggers[event.name]
    if event.name == "push" and set(filters) in ({"tags"}, {"tags-ignore"}):
        return False
    branch = "main" if event.name.startswith("pull_request") else event.branch
    types = _listed(filters.get("types"))
    if event.name.startswith("pull_request") and types and not {"opened", "synchronize"} & set(types):
        return False
    taken = _matches(branch, _listed(filters.get("branches"))) if "branches" in filters else True
    return taken and not _matches(branch, _listed(filters.get("branches-ignore")))


def rehearse(text: str, cases: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A workflow's facts, and its run in each of `cases` (`event`, `branch`, `title`, `failing`, `approved`), as JSON.

    Facts: `faults` of the schema, `unpinned` actions, and `permissions` and `environment` by job. Of a run: its
    `conclusion`, its `commands`, and of each job `result` and the `steps` that ran.
    """
    workflow = read_workflow(text)
    runs = []
    for case in cases:
        event = Event(case.get("event", "push"), case.get("branch", "main"), case.get("title", "Better prices"))
        end = run_workflow(
            workflow, event, failing=case.get("failing", ()), approved=case.get("approved", True),
            secrets=case.get("secrets"),
        )  # fmt: skip
        jobs = {name: {**asdict(job), "commands": list(job.commands)} for name, job in end.jobs.items()}
        runs.append({"conclusion": end.conclusion, "commands": list(end.commands), "jobs": jobs})
    found = {
        "faults": list(schema_faults(text)),
        "unpinned": list(workflow.unpinned),
        "permissions": {job.id: None if job.permissions is None else dict(job.permissions) for job in workflow.jobs},
        "environment": {job.id: job.environment for job in workflow.jobs},
        "runs": runs,
    }
    return dict(json.loads(json.dumps(found)))


class _Run:
    """One run: what is known to expressions, and how the jobs before have ended."""

    def __init__(
        self, workflow: Workflow, event: Event, shell: Shell, secrets: Mapping[str, str], *, approved: bool
    ) -> None:
        self.jobs: dict[str, JobEnd] = {}
        self._workflow, self._shell, self._approved = workflow, shell, approved
        self._contexts = {"github": _github(event), "secrets": dict(secrets), "vars": {}, "inputs": {}}
        self.excused: set[str] = set()

    def job(self, job: Job) -> JobEnd:
        """All runs of a job's matrix together: it succeeds when each does."""
        needs = {name: {"result": self._seen(name), "outputs": dict(self.jobs[name].outputs)} for name in job.needs}
        contexts = {**self._contexts, "needs": needs}
        before = [self._seen(name) for name in self._ancestors(job)]
        if not holds(job.settings.get("if"), contexts, _status(before, of_jobs=True)):
            return JobEnd(SKIPPED)
        if job.environment is not None and not self._approved:
            return JobEnd(FAILURE)
        if is_true(fill(job.settings.get("continue-on-error"), contexts)):
            self.excused.add(job.id)
        runs = [self._steps(job, {**contexts, "matrix": matrix}) for matrix in job.combinations]
        worst = FAILURE if any(run.result == FAILURE for run in runs) else SUCCESS
        return JobEnd(worst, tuple(step for run in runs for step in run.steps), runs[-1].outputs)

    def _steps(self, job: Job, contexts: dict[str, Any]) -> JobEnd:
        ends: list[StepEnd] = []
        known: dict[str, Any] = {}
        contexts = {**contexts, "steps": known, "job": {"status": SUCCESS}, "runner": {"os": "Linux"}, "strategy": {}}
        contexts["env"] = {}
        for part in (self._workflow.environment, job.settings.get("env") or {}):
            contexts["env"] = {**contexts["env"], **fill(dict(part), contexts)}
        for step in job.steps:
            status = _status([end.conclusion for end in ends])
            contexts["job"] = {"status": FAILURE if status["failure"]() else SUCCESS}
            own = {**contexts, "env": {**contexts["env"], **fill(dict(step.settings.get("env") or {}), contexts)}}
            if holds(step.settings.get("if"), own, status):
                end, outputs = self._step(job, step, own, status)
                contexts["env"] |= _pairs(self._shell, "GITHUB_ENV") if step.script is not None else {}
            else:
                end, outputs = StepEnd(SKIPPED, SKIPPED), {}
            ends.append(end)
            if step.id:
                known[step.id] = {"outputs": outputs, "outcome": end.outcome, "conclusion": end.conclusion}
        result = FAILURE if any(end.conclusion == FAILURE for end in ends) else SUCCESS
        return JobEnd(result, tuple(ends), fill(dict(job.settings.get("outputs") or {}), contexts))

    def _step(
        self, job: Job, step: Step, contexts: dict[str, Any], status: Mapping[str, Callable[[], bool]]
    ) -> tuple[StepEnd, dict[str, str]]:
        secrets = tuple(sorted(self._workflow.secrets_of(job, step)))
        if step.script is None:
            return StepEnd(SUCCESS, SUCCESS, secrets=secrets, uses=str(step.uses)), {}
        script = fill(f"{step.script}\n", contexts, status)
        names = {name: as_text(value) for name, value in contexts["env"].items()}
        ran = self._shell.run(script, shell=self._kind(job, step), environment={**_variables(contexts), **names})
        outcome = SUCCESS if ran.code == 0 else FAILURE
        excused = is_true(fill(step.settings.get("continue-on-error"), contexts, status))
        end = StepEnd(outcome, SUCCESS if excused else outcome, ran.commands, ran.printed, secrets)
        return end, _pairs(self._shell, "GITHUB_OUTPUT")

    def _kind(self, job: Job, step: Step) -> str | None:
        """The shell of a step: its own, else the job's, else the workflow's."""
        defaults = [
            ((place.get("defaults") or {}).get("run") or {}) for place in (job.settings, self._workflow.settings)
        ]
        return next((each["shell"] for each in (step.settings, *defaults) if "shell" in each), None)

    def _seen(self, name: str) -> str:
        """How those that need a job see its result."""
        return SUCCESS if name in self.excused and self.jobs[name].result == FAILURE else self.jobs[name].result

    def _ancestors(self, job: Job) -> list[str]:
        """All that a job needs, and all that these need: what its status functions ask about."""
        by_id, found = {each.id: each for each in self._workflow.jobs}, list(job.needs)
        for name in found:
            found += [other for other in by_id[name].needs if other not in found]
        return found


def _status(before: Sequence[str], *, of_jobs: bool = False) -> dict[str, Callable[[], bool]]:
    """The status functions, given how what came before has ended; skipped steps do not matter, skipped jobs do."""
    good = {SUCCESS} if of_jobs else {SUCCESS, SKIPPED}
    return {
        "success": lambda: good.issuperset(before),
        "failure": lambda: FAILURE in before,
        "always": lambda: True,
        "cancelled": lambda: False,
    }


def _github(event: Event) -> dict[str, Any]:
    pull = event.name.startswith("pull_request")
    change = {"title": event.title, "head": {"ref": event.branch, "repo": {"fork": True}}, "base": {"ref": "main"}}
    return {
        "event_name": event.name, "ref": event.ref, "ref_name": event.ref.partition("/")[2].partition("/")[2],
        "ref_type": "branch", "head_ref": event.branch if pull else "", "base_ref": "main" if pull else "",
        "sha": "4f1d" * 10, "repository": "shop/prices", "repository_owner": "shop", "actor": "someone",
        "run_id": "81", "run_number": "9", "workflow": "release", "token": "ghs_token", "workspace": "/work",
        "event": {"pull_request": change} if pull else {"head_commit": {"message": event.title}},
    }  # fmt: skip


def _variables(contexts: Mapping[str, Any]) -> dict[str, str]:
    """The variables that GitHub sets for every script."""
    told = (
        "event_name",
        "ref",
        "ref_name",
        "head_ref",
        "base_ref",
        "sha",
        "repository",
        "actor",
        "run_id",
        "run_number",
    )
    return {f"GITHUB_{name.upper()}": contexts["github"][name] for name in told} | {"GITHUB_ACTIONS": "true"}


def _pairs(shell: Shell, name: str) -> dict[str, str]:
    """What a script wrote to the file of this name, line by line as NAME=VALUE."""
    lines = shell.files[name].read_text(errors="replace").splitlines()
    if any("<<" in line.partition("=")[0] for line in lines):
        raise WorkflowError(f"a value of several lines in {name} cannot be read here. Write NAME=VALUE.")
    return {key: value for key, found, value in (line.partition("=") for line in lines) if found}


def _matches(branch: str, patterns: Sequence[str]) -> bool:
    """Whether the last pattern that fits says yes; one with ! in front says no."""
    verdict = False
    for pattern in patterns:
        if re.fullmatch(_STARS.sub(lambda star: _MEANS[star[0]], re.escape(pattern.removeprefix("!"))), branch):
            verdict = not pattern.startswith("!")
    return verdict


def _listed(value: Any) -> list[str]:
    return [] if value is None else [value] if isinstance(value, str) else [str(each) for each in value]
