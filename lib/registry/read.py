"""What the registry holds, as plain JSON: versions and signs as any MLflow client sees them, and the ledger's lines."""

from __future__ import annotations

from typing import Any

from lib.registry.serving import history
from lib.registry.stores import open_stores
from lib.settings import Settings


def read_model(name: str, *, settings: Settings | None = None) -> dict[str, Any]:
    """A registered model in MLflow's own words, whether the ledger knows it or not.

    Keys: name, aliases (alias → version) and versions, oldest first: version, run_id, tags. Raises UnknownVersion for
    an unknown model, StoreUnavailable.
    """
    with open_stores(settings) as stores:
        model = stores.client.get_registered_model(name)
        versions = stores.client.search_model_versions(f"name='{name}'", order_by=["version_number ASC"])
        return {
            "name": name,
            "aliases": {alias: int(version) for alias, version in model.aliases.items()},
            "versions": [
                {"version": int(each.version), "run_id": each.run_id, "tags": dict(each.tags)} for each in versions
            ],
        }


def read_history(name: str, *, settings: Settings | None = None) -> list[dict[str, Any]]:
    """The ledger's lines about a model, oldest first, each with the fields of Transition; times in ISO 8601.

    Raises UnknownVersion for an unknown model, StoreUnavailable.
    """
    return [line.model_dump(mode="json") for line in history(name, settings=settings)]
