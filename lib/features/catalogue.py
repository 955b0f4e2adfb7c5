"""The applied feature views, a file each, so that any process finds the very definition that was applied."""

from __future__ import annotations

import re
from pathlib import Path

from filelock import FileLock
from pydantic import ValidationError

from lib.errors import FeatureError
from lib.features.engine import made
from lib.features.view import FeatureView, changes, parse_reference


def apply(folder: Path, view: FeatureView) -> FeatureView:
    """Record the definition of `view` under its version, once and for all; applying it again changes nothing.

    Raises FeatureError when that version already stands for another definition, also when another process applies that
    one at the same time.
    """
    path = _path(folder, view.name, view.version)
    made(path.parent)
    fresh = path.with_suffix(".part")
    with FileLock(path.parent / ".lock"):
        if path.exists():
            require_applied(folder, view)
        fresh.write_text(view.model_dump_json(indent=1), "utf-8")
        fresh.replace(path)
    return view


def read(folder: Path, reference: str) -> FeatureView:
    """The view that was applied as `name@version`; raises FeatureError when there is none or its file is damaged."""
    name, version = parse_reference(reference)
    path = _path(folder, name, version)
    try:
        return FeatureView.model_validate_json(path.read_text("utf-8"))
    except FileNotFoundError as error:
        known = ", ".join(references(folder)) or "none yet"
        raise FeatureError(
            f"no feature view was applied as {reference} in {folder}; known are: {known}. Apply it first."
        ) from error
    except (ValidationError, UnicodeDecodeError) as error:
        first = str(error).partition("\n")[0]
        raise FeatureError(
            f"{path} is no feature view that can be read ({first}). Restore it from a copy, or remove it and apply the "
            "view again."
        ) from error


def references(folder: Path) -> list[str]:
    """`name@version` of every applied view, in order of names and versions."""
    matches = [re.fullmatch(r"(.+)@(\d+)\.json", path.name) for path in (folder / "views").glob("*@*.json")]
    return [f"{name}@{version}" for name, version in sorted((match[1], int(match[2])) for match in matches if match)]


def require_applied(folder: Path, view: FeatureView) -> FeatureView:
    """What was applied under the version of `view`; raises FeatureError when that is another definition."""
    applied = read(folder, view.reference)
    if applied.digest != view.digest:
        newest = max(parse_reference(each)[1] for each in references(folder) if each.startswith(f"{view.name}@"))
        raise FeatureError(
            f"{view.reference} was applied with another definition: {changes(applied, view)}. Models rely on it as it "
            f"was. Declare the changed view with version={newest + 1} and apply that."
        )
    return applied


def _path(folder: Path, name: str, version: int) -> Path:
    return folder / "views" / f"{name}@{version}.json"
