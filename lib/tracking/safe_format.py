"""Models on disk in the skops format: data, not code, and only types from a list that lives here."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lib.errors import TrackingError

TRUSTED_PACKAGES = ("sklearn", "numpy", "scipy")
# Functions can do anything, so a package's classes are trusted and its functions are not, but for these known ones.
TRUSTED_FUNCTIONS = frozenset({"scipy._lib.array_api_compat.numpy._aliases.asarray"})
_NOT_FOR_MODELS = frozenset({"testing", "_testing", "tests", "conftest", "f2py", "datasets", "memmap", "DataSource"})


def dump(estimator: Any, path: Path, *, trusted: Sequence[str] = ()) -> list[str]:
    """Write `estimator` to `path` and return the types beyond skops' own list that its reader must allow.

    `trusted` names further types that the caller vouches for, e.g. `("features.LogArea",)`.
    Raises TrackingError when skops cannot write the estimator or it holds a type that nobody vouches for.
    """
    from skops.io import dump as skops_dump

    try:
        skops_dump(estimator, path)
    except OSError:
        raise
    except Exception as error:  # skops raises whatever the first unsupported part happens to raise
        raise TrackingError(_unwritable(estimator, f"{type(error).__name__}: {error}")) from error
    types = _untrusted(path)
    nameless = [name for name in types if "<" in name]
    if nameless:
        raise TrackingError(_unwritable(estimator, f"{', '.join(nameless)} cannot be found by name"))
    _require_trust(types, trusted, what=type(estimator).__name__)
    return types


def load(path: Path, *, trusted: Sequence[str] = ()) -> Any:
    """Read an estimator back, building only types that skops, `TRUSTED_PACKAGES` or `trusted` allow.

    Raises TrackingError for any other type: the list that a model file brings along is not believed.
    """
    from skops.io import load as skops_load

    types = _untrusted(path)
    _require_trust(types, trusted, what=path.name)
    try:
        return skops_load(path, trusted=types)
    except OSError:
        raise
    except Exception as error:  # an importable module that is gone, a version that moved a class, a damaged file
        raise TrackingError(
            f"{path.name} cannot be read: {type(error).__name__}: {error}. "
            "Use the library versions of its environment.json, with the modules of its code on the import path."
        ) from error


def _require_trust(types: Sequence[str], trusted: Sequence[str], *, what: str) -> None:
    refused = [name for name in types if name not in trusted and not _trusted(name)]
    if refused:
        raise TrackingError(
            f"{what} holds types that are not trusted: {', '.join(refused)}. "
            f"If they are yours, name them: trusted={tuple(refused)!r}; otherwise do not load it."
        )


def _untrusted(path: Path) -> list[str]:
    """The types in a skops file beyond those that skops itself trusts."""
    from skops.io import get_untrusted_types

    try:
        return sorted(get_untrusted_types(file=path))
    except OSError:
        raise
    except Exception as error:  # a damaged file may break any part of the reader
        raise TrackingError(
            f"{path.name} is no skops file: {type(error).__name__}: {error}. Log the model again."
        ) from error


def _unwritable(estimator: Any, why: str) -> str:
    return (
        f"{type(estimator).__name__} cannot be written in the safe skops format: {why}. "
        "Move lambdas, closures and classes of its own to the top level of an importable module, and open files or "
        "connections inside fit or predict instead of keeping them."
    )


def _trusted(name: str) -> bool:
    parts = name.split(".")
    if parts[0] not in TRUSTED_PACKAGES or _NOT_FOR_MODELS & set(parts):
        return False
    return name in TRUSTED_FUNCTIONS or inspect.isclass(_resolve(name))


def _resolve(name: str) -> object:
    module, _, attribute = name.rpartition(".")
    try:
        return getattr(sys.modules.get(module) or importlib.import_module(module), attribute, None)
    except ImportError:
        return None
