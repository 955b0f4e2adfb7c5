"""The files of a model version: one digest over all of them, checked before anything in them is read as a model."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lib.errors import ArtifactCorrupted, RegistryError, TrackingError
from lib.tracking import safe_format
from lib.tracking.read import model_folder, skops_model

if TYPE_CHECKING:
    from mlflow.models import ModelSignature

KEPT_MODELS = 8
# MLflow writes it beside the model whenever somebody loads `models:/…`.
NOT_THE_MODEL = frozenset({"registered_model_meta"})


@dataclass(frozen=True)
class Loaded:
    """A model as it was deserialised, with the inputs and outputs that it declares."""

    model: Any
    signature: ModelSignature | None


Check = Callable[[Path], object]
"""Looks at the files of a version before anything in them is read as a model, and raises where that must not happen."""

_models: OrderedDict[tuple[str, frozenset[str], Check | None], Loaded] = OrderedDict()
_turn = threading.Lock()


def digest(folder: Path) -> str:
    """`sha256:…` over the relative path and the SHA-256 of each file in `folder`, in the order of the paths.

    Raises OSError when there is no such folder or a file cannot be read.
    """
    total = hashlib.sha256()
    files = [
        path for path in folder.rglob("*") if not path.is_dir() and str(path.relative_to(folder)) not in NOT_THE_MODEL
    ]
    if not files:
        raise FileNotFoundError(f"{folder} holds no files")
    for path in sorted(files, key=lambda path: path.relative_to(folder).as_posix()):
        with path.open("rb") as stream:
            content = hashlib.file_digest(stream, "sha256").digest()
        total.update(path.relative_to(folder).as_posix().encode() + b"\0" + content)
    return f"sha256:{total.hexdigest()}"


def verify(location: str, registered: str, *, what: str) -> None:
    """Raise ArtifactCorrupted unless the files at `location` are those with the digest `registered`."""
    try:
        found = digest(model_folder(location))
    except OSError as error:
        raise ArtifactCorrupted(f"the files of {what} cannot be read: {error}. {_WAY_OUT}") from error
    if found != registered:
        raise ArtifactCorrupted(
            f"the files of {what} have the digest {found}, and {registered} was registered. {_WAY_OUT}"
        )


_WAY_OUT = "They were changed after that. Restore them from a backup, or register a new run; do not load them."


def load_verified(
    location: str, registered: str, *, what: str, trusted: Sequence[str] = (), check: Check | None = None
) -> Loaded:
    """The model at `location`, deserialised only after its digest was checked; the last eight are kept in memory.

    `check` is given the folder that was found sound and is read next; a model in memory has passed the same or an equal
    check. Raises what it raises, ArtifactCorrupted, and RegistryError for a type that neither `safe_format` nor
    `trusted` allows.
    """
    key = (registered, frozenset(trusted), check)
    with _turn:
        if key not in _models:
            _models[key] = _read(location, registered, what=what, trusted=trusted, check=check)
            if len(_models) > KEPT_MODELS:
                _models.popitem(last=False)
        _models.move_to_end(key)
        return _models[key]


def kept(registered: str, trusted: Sequence[str] = (), check: Check | None = None) -> Loaded | None:
    """The model with that digest, if it is in memory and passed `check`."""
    with _turn:
        return _models.get((registered, frozenset(trusted), check))


def _read(location: str, registered: str, *, what: str, trusted: Sequence[str], check: Check | None) -> Loaded:
    with tempfile.TemporaryDirectory() as scratch:
        # A copy of our own is checked and then read, so that nobody changes the files in between.
        copy = Path(scratch, "model")
        try:
            with tempfile.TemporaryDirectory(dir=scratch) as download:
                shutil.copytree(model_folder(location, into=Path(download)), copy)
        except (OSError, shutil.Error) as error:
            raise ArtifactCorrupted(f"the files of {what} cannot be read: {error}. {_WAY_OUT}") from error
        verify(str(copy), registered, what=what)
        if check is not None:
            check(copy)
        try:
            file, described = skops_model(copy, what)
            return Loaded(model=safe_format.load(file, trusted=trusted), signature=described.signature)
        except TrackingError as error:
            raise RegistryError(f"{what} cannot be loaded: {error}") from error
