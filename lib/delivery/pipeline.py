"""The pipeline: which steps there are, declared once, written out as `dvc.yaml`, and run by `dvc repro`."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml
from filelock import FileLock, Timeout

import lib
from lib.delivery import release_steps, steps
from lib.delivery.step import OUTPUTS, PARAMS, Output, Step, StepState, read_options, read_params, trouble
from lib.errors import DeliveryError, Refused, VersionError
from lib.settings import Settings, absolute_variables
from lib.versioning.repository import repository
from lib.warm import warm_python

DATA = "data/houses.parquet"
CODE = Path("code.yaml")
"""The digest of each step's code: for DVC a parameter, so that changed code is run again as changed data is."""
_DVC = (
    *("dvc.cli", "dvc.cli.parser", "dvc.commands.repro", "dvc.repo.reproduce", "dvc.repo.index", "dvc.output"),
    *("dvc_data.index", "dvc.scm", "dvc.repo.plots", "dvc.repo.datasets", "dvc.repo.stage", "dvc.rwlock", "networkx"),
)
_STORES = (
    *("mlflow.store.tracking.sqlalchemy_store", "mlflow.store.model_registry.sqlalchemy_store"),
    *("sqlalchemy.dialects.sqlite", "alembic.config"),
)
_TABLES = ("pyarrow.parquet", "pyarrow.dataset")
_MODELS = ("mlflow.sklearn", "mlflow.pyfunc", "sklearn.ensemble", "skops.io")
_PICTURES = ("matplotlib.figure", "matplotlib.backends.backend_agg", "PIL.PngImagePlugin")
_STEP = "lib pipeline step"
_PRELOAD = {
    "dvc": _DVC,
    "lib": ("lib.cli", "lib.delivery.pipeline"),
    # What the steps would import themselves when they come to need it, each of them anew.
    f"{_STEP} validate_data": (*_DVC, *_TABLES),
    f"{_STEP} train": (*_DVC, *_TABLES, *_STORES, *_MODELS, *_PICTURES),
    f"{_STEP} evaluate": (*_DVC, *_TABLES, *_STORES, *_MODELS),
    f"{_STEP} register_candidate": (*_STORES, *_MODELS),
}

PIPELINE: Mapping[type[Output], Step] = MappingProxyType(
    {
        step.gives: step
        for step in (
            Step(steps.validate_data, file=DATA),
            Step(steps.train),
            Step(steps.evaluate),
            Step(steps.register_candidate, touches_world=True),
            Step(release_steps.deploy_staging, touches_world=True),
            Step(release_steps.smoke_staging, touches_world=True),
            Step(release_steps.approve, touches_world=True),
            Step(release_steps.deploy_production, touches_world=True),
            Step(release_steps.verify, touches_world=True),
            Step(release_steps.done, touches_world=True),
        )
    }
)


def run_pipeline(
    root: Path,
    *,
    until: str | None = None,
    say: Callable[[str], None] = lambda _line: None,
    warm: Mapping[str, str] | None = None,
) -> tuple[StepState, ...]:
    """Write `dvc.yaml` into the workspace `root` and run `dvc repro`, to the end or to the step `until`.

    A step whose data, options and code are those of its last success is not run. `say` is told each line of DVC's.
    `warm` is what `warm_steps` gives, for whoever runs it several times.
    Returns how every step stands. Raises Refused or DeliveryError with the reason of the step that stopped, and
    DeliveryError when another run is at work; what was made before is kept, and the next start goes on from there.
    """
    with _alone(root), warm_steps() if warm is None else nullcontext(warm) as found:
        write_pipeline(root)
        said = []
        with subprocess.Popen(
            [sys.executable, "-m", "lib.warm", "dvc", "repro", *([find_step(until).name] if until else [])],
            cwd=root, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={**_environment(), **found},
        ) as child:  # fmt: skip
            for line in child.stdout or ():
                said.append(line.rstrip())
                say(said[-1])
        states = read_states(root)
    for state in states:
        if child.returncode and state.status in ("failed", "refused", "interrupted"):
            kind = Refused if state.status == "refused" else DeliveryError
            raise kind(f"the pipeline stopped at {state.step}: {state.reason}")
    if child.returncode:
        words = " ".join(line for line in said if line.startswith("ERROR")) or " ".join(said[-3:])
        raise DeliveryError(f"dvc repro failed before any step did: {words}. Run `dvc status` in {root} for more.")
    return states


def warm_steps() -> AbstractContextManager[Mapping[str, str]]:
    """A process that has imported what DVC and the steps need, for the time of the block."""
    return warm_python(_PRELOAD)


def write_pipeline(root: Path, pipeline: Mapping[type[Output], Step] = PIPELINE) -> Path:
    """`dvc.yaml` with the graph, `code.yaml`, and what `params.yaml` lacks of options; returns the path of `dvc.yaml`.

    Raises DeliveryError when `params.yaml` is no YAML or sets what no step knows.
    """
    given = read_params(root)
    known = [step.name for step in pipeline.values()]
    strange = sorted(set(map(str, given)) - set(known))
    if strange:
        raise DeliveryError(f"{PARAMS} has a section {', '.join(strange)}, and the steps are {', '.join(known)}.")
    options = {step.name: read_options(step, root) for step in pipeline.values()}
    params = {name: each.model_dump(mode="json") for name, each in options.items() if each is not None}
    code = {step.name: hashlib.sha256(step.source.read_bytes()).hexdigest()[:16] for step in pipeline.values()}
    (root / OUTPUTS / "state").mkdir(parents=True, exist_ok=True)
    (root / OUTPUTS / "state" / ".gitignore").write_text("*\n")
    for name, content in ((PARAMS, params), (CODE, code), (Path("dvc.yaml"), {"stages": _stages(pipeline)})):
        text = yaml.safe_dump(content, sort_keys=False)
        if not (root / name).exists() or (root / name).read_text() != text:
            (root / name).write_text(text)
    return root / "dvc.yaml"


def read_states(root: Path, pipeline: Mapping[type[Output], Step] = PIPELINE) -> tuple[StepState, ...]:
    """How every step stands: done and up to date, to do, running, or stopped with its reason.

    What DVC holds to be up to date is done, however its last run ended: its inputs may have been put back since, and
    DVC then takes the output from its cache and runs nothing.
    """
    troubles = {step.name: trouble(step, root) for step in pipeline.values()}
    changed = _changed(root, troubles)
    return tuple(
        StepState(step=step.name, status="done")
        if step.name not in changed and (root / step.output).exists()
        else troubles[step.name] or StepState(step=step.name, status="to do")
        for step in pipeline.values()
    )


def _changed(root: Path, troubles: Mapping[str, StepState | None]) -> set[str]:
    """The steps that DVC would run again."""
    try:
        with repository(root) as repo:
            # DVC names a stage by the way from the current folder to its file: ../folder/dvc.yaml:train.
            return {str(address).rpartition(":")[2] for address in repo.status()}
    except VersionError:
        names = list(troubles)
        running = [place for place, name in enumerate(names) if (state := troubles[name]) and state.status == "running"]
        if not running:
            raise
        # DVC answers nobody while it runs a step: what comes after that one is still to be done.
        return set(names[running[0] :])


def find_step(name: str, pipeline: Mapping[type[Output], Step] = PIPELINE) -> Step:
    """The step of that name; raises DeliveryError naming those there are."""
    for step in pipeline.values():
        if step.name == name:
            return step
    raise DeliveryError(f"no step is named {name!r}. There are {', '.join(step.name for step in pipeline.values())}.")


def _stages(pipeline: Mapping[type[Output], Step]) -> dict[str, Any]:
    stages: dict[str, Any] = {}
    for step in pipeline.values():
        deps = [step.file] if step.file else []
        deps += [str(pipeline[kind].output) for kind in step.takes.values() if kind in pipeline]
        params: list[Any] = [step.name] if step.options else []
        output: Any = str(step.output)
        stages[step.name] = {
            "cmd": f"python -m {_STEP} {step.name}",
            "deps": deps,
            "params": [*params, {str(CODE): [step.name]}],
            # What persists is not restored from DVC's cache of runs: the world has to be changed or asked again.
            "outs": [{output: {"persist": True}} if step.touches_world else output],
        }
    return stages


@contextmanager
def _alone(root: Path) -> Iterator[None]:
    """One run at a time; the lock goes with its process, however that ends."""
    (root / OUTPUTS / "state").mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(root / OUTPUTS / "state" / "lock", timeout=0):
            yield
    except Timeout as error:
        raise DeliveryError(
            f"another run of the pipeline is at work in {root}. Wait for it; nothing was started."
        ) from error


def _environment() -> dict[str, str]:
    """The steps find this very Python and this very `lib`, and DVC its own programs."""
    python, home = Path(sys.executable).parent, Path(lib.__file__).parents[1]
    before = {"PATH": str(python), "PYTHONPATH": str(home)}
    paths = {name: os.pathsep.join(filter(None, [place, os.environ.get(name)])) for name, place in before.items()}
    return {**os.environ, **paths, **absolute_variables(Settings()), "DVC_NO_ANALYTICS": "1"}
