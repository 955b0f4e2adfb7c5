"""An open run: what is put into it is stored at once, and it is always closed, with the reason when it failed."""

from __future__ import annotations

import contextlib
import getpass
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from lib.errors import LibError, TrackingError
from lib.tracking.liveness import FAILURE, process_tags

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Metric

LOG = "training.log"
PARAM_CHARACTERS = 6_000
_TAG_CHARACTERS = 5_000
_PARAMS_A_BATCH = 100


class Recording:
    """One run while it is being recorded; made by `recording`. What is put in is stored at the next `publish`."""

    def __init__(self, client: MlflowClient, experiment: str, run_id: str, folder: Path) -> None:
        self.client = client
        self.experiment = experiment
        self.run_id = run_id
        self._folder = folder
        self._started = time.perf_counter()
        self._lines: list[str] = []
        self._params: dict[str, str] = {}
        self._tags: dict[str, str] = {}
        self._metrics: list[Metric] = []

    @property
    def seconds(self) -> float:
        """Since the run was opened."""
        return time.perf_counter() - self._started

    def note(self, text: str) -> None:
        """A line of the training log, with the time since the start."""
        self._lines += [f"{self.seconds:9.3f} s  {line}" for line in text.splitlines() or [""]]

    def params(self, params: Mapping[str, str]) -> None:
        """Hyperparameters; a value above MLflow's 6,000 characters is cut and says so."""
        self._params |= {key: _cut(value, PARAM_CHARACTERS) for key, value in params.items()}

    def tags(self, tags: Mapping[str, str | None]) -> None:
        """Tags, leaving out those that are None."""
        self._tags |= {key: _cut(value, _TAG_CHARACTERS) for key, value in tags.items() if value is not None}

    def metrics(self, metrics: Mapping[str, float], *, model_id: str | None, dataset: str, digest: str) -> None:
        """Metrics, each tied to the data it was measured on and to the model."""
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        self._metrics += [
            Metric(key, value, now, 0, model_id=model_id, dataset_name=dataset, dataset_digest=digest)
            for key, value in metrics.items()
        ]

    def file(self, name: str) -> Path:
        """Where to write the artifact `name`; `publish` then stores it."""
        path = self._folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def text(self, name: str, content: str) -> None:
        """An artifact of text."""
        self.file(name).write_text(content, encoding="utf-8", errors="surrogateescape", newline="")

    def publish(self) -> None:
        """Store what has come in since the last time, in as few transactions as MLflow allows, and the log so far."""
        self._publish_values()
        self.text(LOG, "\n".join(self._lines) + "\n")
        self.client.log_artifacts(self.run_id, str(self._folder))
        for path in self._folder.rglob("*"):
            if path.is_file():
                path.unlink()

    def _publish_values(self) -> None:
        from mlflow.entities import Param, RunTag

        tags = [RunTag(key, value) for key, value in self._tags.items()]
        params = [Param(key, value) for key, value in self._params.items()]
        metrics, self._tags, self._params, self._metrics = self._metrics, {}, {}, []
        if tags or params or metrics:
            self.client.log_batch(self.run_id, tags=tags, params=params[:_PARAMS_A_BATCH], metrics=metrics)
        for first in range(_PARAMS_A_BATCH, len(params), _PARAMS_A_BATCH):
            self.client.log_batch(self.run_id, params=params[first : first + _PARAMS_A_BATCH])


@contextlib.contextmanager
def recording(
    client: MlflowClient,
    experiment: str,
    *,
    name: str,
    tags: Mapping[str, str],
    run_id: str | None = None,
) -> Iterator[Recording]:
    """Open a run (or go on with `run_id`), and close it: FINISHED, KILLED when interrupted, else FAILED.

    The tag `failure` then says why. Any Exception becomes a TrackingError, chained to it.
    """
    with tempfile.TemporaryDirectory() as folder:
        opened = _open(client, experiment, name=name, tags=tags, run_id=run_id)
        run = Recording(client, experiment, opened, Path(folder))
        try:
            yield run
            run.publish()
            client.set_terminated(opened, status="FINISHED")
        except Exception as error:
            _close_failed(run, error, status="FAILED")
            raise TrackingError(
                f"{_fact(error)}\nRun {opened} is marked FAILED; what it had recorded until then stays readable."
            ) from error
        except BaseException as error:
            _close_failed(run, error, status="KILLED" if isinstance(error, KeyboardInterrupt) else "FAILED")
            raise


def _open(client: MlflowClient, experiment: str, *, name: str, tags: Mapping[str, str], run_id: str | None) -> str:
    tags = {**tags, **process_tags(), "mlflow.source.name": sys.argv[0] or "python", "mlflow.source.type": "LOCAL"}
    # A process may run under a number that has no user name.
    with contextlib.suppress(KeyError, OSError):
        tags["mlflow.user"] = getpass.getuser()
    if run_id is None:
        return str(client.create_run(experiment, tags=tags, run_name=name).info.run_id)
    from mlflow.entities import RunTag

    kept = client.get_run(run_id).data.tags
    client.log_batch(run_id, tags=[RunTag(key, value) for key, value in tags.items() if key not in kept])
    return run_id


def _close_failed(run: Recording, error: BaseException, *, status: str) -> None:
    run.note("".join(traceback.format_exception(error)))
    reason = _cut(_fact(error), _TAG_CHARACTERS)
    steps: tuple[Callable[[], object], ...] = (
        lambda: run.client.set_tag(run.run_id, FAILURE, reason),
        run.publish,
        lambda: run.client.set_terminated(run.run_id, status=status),
    )
    for step in steps:
        try:
            step()
        except Exception as second:  # noqa: BLE001  with a full disk the log may not fit while the status still does
            # The caller is told; a run that could not even be closed is marked at the next start.
            error.add_note(f"While closing the run: {type(second).__name__}: {second}")


def _fact(error: BaseException) -> str:
    if isinstance(error, LibError):
        return str(error)
    if isinstance(error, OSError):
        return f"a file could not be written or read: {error}. Free space or mend the permission, then start again."
    return f"{type(error).__name__}: {error}"


def _cut(value: str, limit: int) -> str:
    if len(value) <= limit:
        return value
    ending = f"… (cut: {len(value):,} characters; whole in params.json or training.log)"
    return value[: limit - len(ending)] + ending
