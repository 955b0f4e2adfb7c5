"""`reproduce`: train a recorded run again from its own code and data, and say whether every metric is equal."""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import lib
from lib.errors import LibError, TrackingError
from lib.settings import Settings
from lib.tracking import environment
from lib.tracking.client import open_client
from lib.tracking.code_version import add_worktree, code_version, remove_worktree
from lib.tracking.read import artifact_file, stored_run
from lib.tracking.replay import repeat
from lib.tracking.training import Recipe
from lib.versioning import fetch

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

_RECORDED = ("recipe/recipe.json", "recipe/estimator.skops", "environment.json", "code/diff.patch", "params.json")
_OPTIONAL = ("code/diff.patch",)


@dataclass(frozen=True, kw_only=True)
class Reproduction:
    """`equal`: every metric came out the same to the last bit. `differences` says what did not, and what else changed.

    `metrics` are those of the replay (empty when it could not take place), `recorded` those of the run.
    """

    run_id: str
    equal: bool
    differences: tuple[str, ...]
    metrics: dict[str, float]
    recorded: dict[str, float]

    def __str__(self) -> str:
        listed = "".join(f"\n  - {line}" for line in self.differences)
        if not self.equal:
            return f"Run {self.run_id} was not reproduced:{listed}"
        answer = f"Run {self.run_id} was reproduced: all {len(self.metrics)} metrics are equal to the last bit."
        return f"{answer} Yet not everything is as it was:{listed}" if listed else answer


@dataclass(frozen=True, kw_only=True)
class _Record:
    """What a run left for its repetition, as local files; `diff` is None for a clean tree."""

    run: Run
    recipe: Path
    estimator: Path
    machine: Mapping[str, object]
    diff: str
    params: Mapping[str, str]

    def tag(self, name: str) -> str | None:
        return self.run.data.tags.get(name)


class _Stopped(Exception):
    """The replay cannot take place; its text is for a person."""


def reproduce(
    run_id: str,
    *,
    isolated: bool = True,
    trusted: Sequence[str] = (),
    timeout_s: float | None = None,
    settings: Settings | None = None,
) -> Reproduction:
    """Fetch the data and code version of a run, train once more, and compare every metric for exact equality.

    The training runs in a fresh interpreter, on a worktree of the recorded commit with the recorded diff laid over it
    and with the recorded thread settings. `isolated=False` trains in this process, which is quicker and allowed only
    while the code in place is the recorded code. `trusted` vouches for types of your own in the model, as in `track`.
    Raises TrackingError for an unknown run, and for one that `track` did not record to the end.
    """
    settings = settings or Settings()
    client = open_client(settings)
    record = _read(client, run_id)
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        try:
            table = _fetched(record, settings.root, scratch)
            if isolated:
                metrics = _repeat_apart(record, table, root=settings.root, trusted=trusted, timeout_s=timeout_s)
            else:
                metrics = _repeat_here(record, table, root=settings.root, trusted=trusted)
        except _Stopped as stopped:
            return _answer(record, {}, [str(stopped)], settings.root)
    return _answer(record, metrics, [], settings.root)


def reproduce_report(run_id: str, *, isolated: bool = True, settings: Settings | None = None) -> dict[str, object]:
    """What `reproduce` found, as plain JSON: `equal`, `differences`, `metrics` and `recorded`."""
    return {**asdict(reproduce(run_id, isolated=isolated, settings=settings))}


def _read(client: MlflowClient, run_id: str) -> _Record:
    run = stored_run(client, run_id)
    files = {path: artifact_file(client, run_id, path) for path in _RECORDED}
    missing = [path for path, file in files.items() if file is None and path not in _OPTIONAL]
    missing += [tag for tag in ("data.version", "data.digest") if tag not in run.data.tags]
    if missing or not run.data.metrics:
        raise TrackingError(
            f"run {run_id} ({run.info.status}) cannot be repeated: it has no {', '.join(missing) or 'metrics'}. "
            "Only a finished run of lib.tracking.track carries all that a repetition needs."
        )
    present = {path: file for path, file in files.items() if file is not None}
    diff = present.get("code/diff.patch")
    return _Record(
        run=run,
        recipe=present["recipe/recipe.json"],
        estimator=present["recipe/estimator.skops"],
        machine=json.loads(present["environment.json"].read_text()),
        diff="" if diff is None else diff.read_bytes().decode("utf-8", "surrogateescape"),
        params=json.loads(present["params.json"].read_text()),
    )


def _fetched(record: _Record, root: Path, scratch: Path) -> Path:
    name, digest = str(record.tag("data.version")), record.tag("data.digest")
    try:
        path = fetch(name, to=scratch, root=root)
    except LibError as error:
        raise _Stopped(f"data: {name} can no longer be fetched: {error}") from error
    found = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
    if found != digest:
        raise _Stopped(f"data: {name} is not what the run saw: digest {digest} then, {found} now")
    return path


def _repeat_here(record: _Record, table: Path, *, root: Path, trusted: Sequence[str]) -> dict[str, float]:
    now = code_version(root)
    if now.commit != record.tag("git.commit") or now.diff != record.diff:
        raise TrackingError(
            f"the code in place (commit {now.commit}, {now.status}) is not that of run {record.run.info.run_id} "
            f"(commit {record.tag('git.commit')}, {record.tag('git.status')}). Use isolated=True."
        )
    return repeat(table, Recipe.from_json(record.recipe.read_text()), record.estimator, trusted=trusted)


def _repeat_apart(
    record: _Record, table: Path, *, root: Path, trusted: Sequence[str], timeout_s: float | None
) -> dict[str, float]:
    scratch = table.parent
    answer = scratch / "metrics.json"
    job = scratch / "job.json"
    places = {"table": table, "recipe": record.recipe, "estimator": record.estimator, "metrics": answer}
    job.write_text(json.dumps({**{key: str(path.resolve()) for key, path in places.items()}, "trusted": list(trusted)}))
    with _code(record, root, scratch / "code") as folders:
        try:
            child = subprocess.run(
                [sys.executable, "-m", "lib.tracking.replay", str(job)],
                cwd=folders[0],
                env=_child_environment(record, folders),
                capture_output=True,
                text=True,
                timeout=timeout_s,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise _Stopped(f"replay: it took longer than {timeout_s} s") from error
    if child.returncode != 0 or not answer.is_file():
        lines = child.stderr.strip().splitlines() or ["no message"]
        raise _Stopped(f"replay: the training failed (exit code {child.returncode}): {lines[-1]}")
    return dict(json.loads(answer.read_text()))


@contextlib.contextmanager
def _code(record: _Record, root: Path, worktree: Path) -> Iterator[tuple[Path, ...]]:
    """The folders to import from: the recorded code where there is a commit, else what is in place."""
    commit = record.tag("git.commit")
    if commit is None:
        yield (root.resolve(),)
        return
    try:
        add_worktree(root, commit, record.diff, to=worktree)
        # The folder may be one that git ignores, and is then not in the worktree.
        folder = worktree / (record.tag("git.folder") or ".")
        yield (folder, worktree) if folder.is_dir() else (worktree,)
    except subprocess.CalledProcessError as error:
        reason = str(error.stderr).strip().splitlines()
        raise _Stopped(
            f"code: commit {commit[:12]} with its diff cannot be restored: {reason[-1] if reason else error}"
        ) from error
    finally:
        with contextlib.suppress(subprocess.CalledProcessError):
            remove_worktree(root, worktree)


def _child_environment(record: _Record, folders: Sequence[Path]) -> dict[str, str]:
    threads = record.machine.get("threads")
    kept = {key: value for key, value in os.environ.items() if key not in environment.THREADS}
    inherited = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    # Last, so that a `lib` in the recorded code wins over the one in place.
    own = str(Path(next(iter(lib.__path__))).resolve().parent)
    return {
        **kept,
        **(threads if isinstance(threads, dict) else {}),
        "PYTHONPATH": os.pathsep.join([*map(str, folders), *inherited, own]),
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def _answer(record: _Record, metrics: dict[str, float], stopped: list[str], root: Path) -> Reproduction:
    recorded = dict(record.run.data.metrics)
    moved = [] if stopped else _moved(recorded, metrics)
    lines = stopped + moved
    if moved:
        lines += [
            f"{key} was None: where the model draws random numbers, each fit draws others. Set it to a whole number."
            for key, value in record.params.items()
            if key.rpartition("__")[2] == "random_state" and value == "None"
        ]
    if record.tag("git.commit") is None:
        lines.append(
            f"code: the run was recorded without a commit ({record.tag('git.status')}); the code in place was used"
        )
    lines += environment.differences(record.machine, environment.environment(root))
    return Reproduction(
        run_id=record.run.info.run_id,
        equal=not stopped and not moved,
        differences=tuple(lines),
        metrics=metrics,
        recorded=recorded,
    )


def _moved(recorded: Mapping[str, float], metrics: Mapping[str, float]) -> list[str]:
    """The metrics that differ; two NaN count as equal."""
    lines = []
    for key in sorted({*recorded, *metrics}):
        then, now = recorded.get(key), metrics.get(key)
        if then is None or now is None:
            lines.append(
                f"{key}: {'not recorded' if then is None else then!r} then, {'absent' if now is None else now!r} now"
            )
        elif then != now and not (math.isnan(then) and math.isnan(now)):
            lines.append(f"{key}: {then!r} then, {now!r} now (by {now - then:+.6g})")
    return lines
