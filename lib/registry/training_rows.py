"""The rows that a version was trained on, made again from the data version and the recipe that its run recorded."""

from __future__ import annotations

import tempfile

import pandas as pd

from lib.errors import RegistryError, TrackingError
from lib.registry.contender import Contender
from lib.settings import Settings
from lib.tracking.client import open_client
from lib.tracking.read import artifact_file, stored_run
from lib.tracking.training import PartName, Recipe, prepare, read_table
from lib.versioning import fetch, versions


def training_rows(side: Contender) -> pd.DataFrame:
    """All columns of the training part; raises RegistryError or VersionError when it cannot be had as it was."""
    return rows_of_run(side.run_id, "train", settings=side.stores.settings)


def rows_of_run(run_id: str, part: PartName, *, settings: Settings) -> pd.DataFrame:
    """All columns of one part of the table of a run; raises RegistryError or VersionError as above."""
    client = open_client(settings)
    tags, root = stored_run(client, run_id).data.tags, settings.root
    name, recorded = tags.get("data.version"), tags.get("data.digest")
    recipe = artifact_file(client, run_id, "recipe/recipe.json")
    if name is None or recipe is None:
        raise RegistryError(f"run {run_id} records no data version and recipe (track does), so its rows are unknown.")
    found = next((version.digest for version in versions(root) if version.name == name), None)
    if found is not None and found != recorded:
        raise RegistryError(f"{name} has the digest {found} here, and run {run_id} was trained on {recorded}.")
    with tempfile.TemporaryDirectory() as scratch:
        frame = read_table(fetch(name, to=scratch, root=root))
    try:
        rows = prepare(frame, Recipe.from_json(recipe.read_text("utf-8"))).part(part)
    except TrackingError as error:
        raise RegistryError(f"the {part} rows of run {run_id} cannot be made again: {error}") from error
    return frame.loc[rows.inputs.index]
