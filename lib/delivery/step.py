"""One step of a pipeline: a plain function whose types say what it needs, run so that its end is known."""

from __future__ import annotations

import inspect
import json
import os
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, get_type_hints

import psutil
import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from lib.errors import DeliveryError, LibError, Refused
from lib.registry.safeguards import NONE, Safeguards
from lib.settings import Settings

OUTPUTS = Path("pipeline")
STATES = OUTPUTS / "state"
PARAMS = Path("params.yaml")

Status = Literal["done", "to do", "running", "failed", "refused", "interrupted"]


class Options(BaseModel):
    """What may be set for a step, in its section of `params.yaml`; a misspelt name is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Output(BaseModel):
    """What a step hands on, kept as `pipeline/<step>.json`; no times in it, so that equal results have equal hashes."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class StepState(BaseModel):
    """How a step stands, and why where it did not get through."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    step: str
    status: Status
    reason: str = ""
    process: int | None = None
    started: float | None = None


@dataclass(frozen=True)
class Step:
    """`function` takes Outputs of earlier steps, its Options, Settings, Safeguards and the Path `file`; by their types.

    What a step left behind that `touches_world`, to change it or to ask it, is never restored from a cache instead of
    running it.
    """

    function: Callable[..., Output]
    file: str | None = None
    touches_world: bool = False

    @property
    def name(self) -> str:
        return self.function.__name__

    @property
    def output(self) -> Path:
        """Where its Output lies, under the pipeline's folder."""
        return OUTPUTS / f"{self.name}.json"

    @property
    def gives(self) -> type[Output]:
        """The type of its Output."""
        given: type[Output] = self._hints["return"]
        return given

    @property
    def takes(self) -> dict[str, Any]:
        """The types of its arguments, by name."""
        return {name: kind for name, kind in self._hints.items() if name != "return"}

    @property
    def options(self) -> type[Options] | None:
        """The type of its options, None when it has none."""
        return next((kind for kind in self.takes.values() if issubclass(kind, Options)), None)

    @property
    def source(self) -> Path:
        """The file that defines the function."""
        return Path(inspect.getfile(self.function))

    @cached_property
    def _hints(self) -> dict[str, Any]:
        return get_type_hints(self.function)


def run_step(
    step: Step,
    pipeline: Mapping[type[Output], Step],
    *,
    root: Path,
    settings: Settings,
    safeguards: Safeguards = NONE,
) -> Output:
    """Call the function of `step` with what its types ask for, and keep what it returns; `pipeline` is by output.

    While it runs, `pipeline/state/<step>.json` names the process; when it fails, the reason. Raises what the function
    raises, and DeliveryError when an input or option cannot be read.
    """
    state = StepState(step=step.name, status="running", process=os.getpid(), started=_started(os.getpid()))
    _write(root / STATES / f"{step.name}.json", state.model_dump_json(indent=2))
    try:
        found = step.function(**_arguments(step, pipeline, root, settings, safeguards))
        _write(root / step.output, found.model_dump_json(indent=2) + "\n")
    except BaseException as error:
        status: Status = "refused" if isinstance(error, Refused) else "failed"
        known = isinstance(error, LibError)
        reason = str(error) if known else f"{type(error).__name__}: {error}"
        _write(
            root / STATES / f"{step.name}.json",
            StepState(step=step.name, status=status, reason=reason).model_dump_json(),
        )
        raise
    (root / STATES / f"{step.name}.json").unlink()
    return found


def trouble(step: Step, root: Path) -> StepState | None:
    """What its last run left of `step` when it did not get through: running, failed, refused or interrupted."""
    try:
        state = StepState.model_validate_json((root / STATES / f"{step.name}.json").read_text())
    except FileNotFoundError:
        return None
    except ValidationError:
        return StepState(step=step.name, status="interrupted", reason="its record is incomplete")
    if state.status != "running" or (state.process is not None and _started(state.process) == state.started):
        return state
    return StepState(step=step.name, status="interrupted", reason="its process was killed; start the pipeline again")


def read_params(root: Path) -> dict[str, Any]:
    """`params.yaml` by step, empty when there is none; raises DeliveryError with the line when it cannot be read."""
    try:
        content = yaml.safe_load((root / PARAMS).read_text()) if (root / PARAMS).exists() else {}
    except yaml.YAMLError as error:
        raise DeliveryError(f"{PARAMS} is no YAML: {' '.join(str(error).split())}. Mend that line.") from error
    if not isinstance(content or {}, dict):
        raise DeliveryError(f"{PARAMS} holds {type(content).__name__}, not sections by step. Restore it from git.")
    return content or {}


def read_options(step: Step, root: Path) -> Options | None:
    """The options of `step` as they are set; raises DeliveryError naming the section and the field at fault."""
    kind = step.options
    if kind is None:
        return None
    try:
        return kind.model_validate(read_params(root).get(step.name) or {})
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
        fields = ", ".join(kind.model_fields)
        raise DeliveryError(f"{PARAMS}, section {step.name}: {faults}. It may set {fields}.") from error


def _arguments(
    step: Step, pipeline: Mapping[type[Output], Step], root: Path, settings: Settings, safeguards: Safeguards
) -> dict[str, Any]:
    arguments: dict[str, Any] = {}
    for name, kind in step.takes.items():
        if issubclass(kind, Options):
            arguments[name] = read_options(step, root)
        elif issubclass(kind, Settings):
            arguments[name] = settings
        elif issubclass(kind, Safeguards):
            arguments[name] = safeguards
        elif issubclass(kind, Path):
            arguments[name] = root / str(step.file)
        else:
            arguments[name] = _read(pipeline[kind], root)
    return arguments


def _read(step: Step, root: Path) -> Output:
    try:
        return step.gives.model_validate_json((root / step.output).read_text())
    except (OSError, ValueError) as error:
        first = str(error).partition("\n")[0]
        raise DeliveryError(
            f"{step.output}, which {step.name} makes, cannot be read: {first}. Run the pipeline from {step.name} on."
        ) from error


def _write(path: Path, text: str) -> None:
    """There whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=f".{path.name}.", delete=False) as stream:
        stream.write(text)
    Path(stream.name).replace(path)


def _started(process: int) -> float | None:
    """When a process was started, so that another one with the same number is told apart; None when it is no more."""
    try:
        found = psutil.Process(process)
        return None if found.status() == psutil.STATUS_ZOMBIE else found.create_time()
    except psutil.NoSuchProcess:
        return None


def call(
    step: Step,
    pipeline: Mapping[type[Output], Step],
    *,
    equip: Callable[[Settings], Safeguards] = lambda _settings: NONE,
) -> int:
    """Run `step` in the current folder, as `dvc repro` does; the exit code, with the reason on stderr."""
    settings = Settings()
    try:
        found = run_step(step, pipeline, root=Path.cwd(), settings=settings, safeguards=equip(settings))
    except LibError as error:
        sys.stderr.write(f"{step.name}: {error}\n")
        return 1
    sys.stdout.write(f"{step.name}: {json.dumps(found.model_dump(mode='json'))[:400]}\n")
    return 0
