"""A GitHub Actions workflow as GitHub reads it: what starts it, its jobs and steps, what they may do and see.

Source: docs.github.com, "Workflow syntax for GitHub Actions". What is not read here (containers, services, matrices
made at run time, reusable workflows) is an error, not a guess.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import yaml

from lib.errors import WorkflowError

Permissions = Mapping[str, str]

_SHA = re.compile(r"[^@\s]+@[0-9a-f]{40}|docker://[^@\s]+@sha256:[0-9a-f]{64}")
_SECRET = re.compile(r"\bsecrets\s*(?:\.\s*([A-Za-z_]\w*)|\[\s*'([^']+)'\s*\])?", re.IGNORECASE)


@dataclass(frozen=True)
class Step:
    """A step as it stands in the file; `settings` is all of it."""

    settings: Mapping[str, Any]

    @property
    def id(self) -> str:
        return str(self.settings.get("id", ""))

    @property
    def script(self) -> str | None:
        return self.settings.get("run")

    @property
    def uses(self) -> str | None:
        return self.settings.get("uses")


@dataclass(frozen=True)
class Job:
    """A job as it stands in the file; `permissions` are those of its token, None when the file does not say."""

    id: str
    settings: Mapping[str, Any]
    steps: tuple[Step, ...]
    needs: tuple[str, ...]
    permissions: Permissions | None
    environment: str | None

    @property
    def combinations(self) -> list[dict[str, Any]]:
        """What `matrix` is, in each run of the job; one empty run without a matrix."""
        matrix = (self.settings.get("strategy") or {}).get("matrix") or {}
        if not isinstance(matrix, Mapping) or any(isinstance(values, str) for values in matrix.values()):
            raise WorkflowError(f"job {self.id}: a matrix made at run time cannot be read here. Write its values out.")
        axes = {name: values for name, values in matrix.items() if name not in ("include", "exclude")}
        made = [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())] if axes else []
        kept = [each for each in made if not any(gone.items() <= each.items() for gone in matrix.get("exclude", []))]
        return [*kept, *(dict(each) for each in matrix.get("include", []))] or [{}]


@dataclass(frozen=True)
class Workflow:
    """A workflow; `jobs` come in an order in which each follows those that it needs."""

    triggers: Mapping[str, Mapping[str, Any]]
    environment: Mapping[str, Any]
    settings: Mapping[str, Any]
    jobs: tuple[Job, ...]

    @property
    def unpinned(self) -> tuple[str, ...]:
        """What is used at a tag or branch, which others can move: no commit and no digest."""
        used = [step.uses for job in self.jobs for step in job.steps if step.uses]
        return tuple(name for name in dict.fromkeys(used) if not name.startswith("./") and not _SHA.fullmatch(name))

    def secrets_of(self, job: Job, step: Step) -> frozenset[str]:
        """The names of the secrets that a step can read; "*" stands for all. Its own token is not one of them."""
        parts = [self.environment, job.settings.get("env"), step.settings]
        return frozenset(_secrets(parts)) - {"GITHUB_TOKEN"}


def read_workflow(text: str) -> Workflow:
    """Read the YAML of a workflow; raises WorkflowError with the reason for which GitHub would not run it."""
    document = _document(text)
    triggers = _triggers(document.get("on", document.get(True)))  # YAML 1.1 reads the word on as true
    described = document.get("jobs")
    if not isinstance(described, Mapping) or not described:
        raise WorkflowError("the workflow has no jobs. Put them under jobs:, by id.")
    shared = _permissions(document.get("permissions"), "the workflow")
    jobs = {str(name): _job(str(name), settings, shared) for name, settings in described.items()}
    return Workflow(triggers, document.get("env") or {}, document, tuple(_in_order(jobs)))


def schema_faults(text: str) -> tuple[str, ...]:
    """What GitHub's own schema has against the file; nothing where check-jsonschema, which has it, is not installed."""
    import jsonschema

    try:
        folder = files("check_jsonschema") / "builtin_schemas" / "vendor"
    except ModuleNotFoundError:
        return ()
    schema = json.loads((folder / "github-workflows.json").read_text())
    document = json.loads(json.dumps({"on" if key is True else key: value for key, value in _document(text).items()}))
    found = jsonschema.validators.validator_for(schema)(schema).iter_errors(document)
    best = [jsonschema.exceptions.best_match([error]) for error in found]
    return tuple(f"{'.'.join(map(str, each.absolute_path)) or 'the file'}: {each.message[:200]}" for each in best)


def _document(text: str) -> Mapping[Any, Any]:
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise WorkflowError(f"this is no YAML: {' '.join(str(error).split())}. Mend that line.") from error
    if not isinstance(document, Mapping):
        raise WorkflowError(f"the file holds a {type(document).__name__}, not on:, jobs: and so on.")
    return document


def _triggers(described: Any) -> dict[str, Mapping[str, Any]]:
    if isinstance(described, str):
        return {described: {}}
    if isinstance(described, list):
        return {str(name): {} for name in described}
    if isinstance(described, Mapping) and described:
        return {str(name): filters if isinstance(filters, Mapping) else {} for name, filters in described.items()}
    raise WorkflowError("nothing starts the workflow. Say what does under on:.")


def _job(name: str, settings: Any, shared: Permissions | None) -> Job:
    if not isinstance(settings, Mapping) or "runs-on" not in settings:
        raise WorkflowError(f"job {name} has no runs-on:. Add it; reusable workflows cannot be read here.")
    steps = settings.get("steps")
    if not isinstance(steps, list) or not steps:
        raise WorkflowError(f"job {name} has no steps. List them under steps:.")
    for number, step in enumerate(steps, start=1):
        if not isinstance(step, Mapping) or ("run" in step) == ("uses" in step):
            raise WorkflowError(f"step {number} of job {name} needs either run: or uses:.")
        if not isinstance(step.get("run", step.get("uses")), str):
            raise WorkflowError(f"step {number} of job {name}: run: and uses: are texts.")
    needs = settings.get("needs") or []
    own = _permissions(settings.get("permissions"), f"job {name}")
    place = settings.get("environment")
    return Job(
        id=name, settings=settings, steps=tuple(Step(step) for step in steps),
        needs=(needs,) if isinstance(needs, str) else tuple(map(str, needs)),
        permissions=shared if own is None else own,
        environment=str(place.get("name")) if isinstance(place, Mapping) else place,
    )  # fmt: skip


def _permissions(described: Any, where: str) -> Permissions | None:
    """By scope "read" or "write", without what is "none"; "*" stands for all scopes."""
    if described is None:
        return None
    if described in ("read-all", "write-all"):
        return {"*": described.partition("-")[0]}
    if isinstance(described, Mapping) and set(described.values()) <= {"read", "write", "none"}:
        return {str(scope): str(level) for scope, level in described.items() if level != "none"}
    raise WorkflowError(f"permissions of {where}: {described!r}. Give each scope read, write or none.")


def _in_order(jobs: Mapping[str, Job]) -> Iterator[Job]:
    done: set[str] = set()
    for job in jobs.values():
        if unknown := [name for name in job.needs if name not in jobs]:
            raise WorkflowError(f"job {job.id} needs {', '.join(unknown)}, and there is no such job.")
    while len(done) < len(jobs):
        ready = [job for job in jobs.values() if job.id not in done and done.issuperset(job.needs)]
        if not ready:
            raise WorkflowError(f"the jobs {', '.join(sorted(set(jobs) - done))} need each other in a circle.")
        yield from ready
        done.update(job.id for job in ready)


def _secrets(part: Any) -> Iterator[str]:
    if isinstance(part, Mapping):
        part = list(part.values())
    if isinstance(part, list):
        for each in part:
            yield from _secrets(each)
    elif isinstance(part, str):
        for inside in re.findall(r"\$\{\{(.*?)\}\}", part, re.DOTALL):
            yield from (one or other or "*" for one, other in _SECRET.findall(inside))
