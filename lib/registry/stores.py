"""The two stores of the registry, opened together: MLflow's for versions and files, the ledger for who did what."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from filelock import Timeout
from sqlalchemy.exc import DBAPIError

from lib.errors import RegistryError, StoreUnavailable, UnknownVersion, WorkspaceError
from lib.registry.entries import Transition
from lib.registry.ledger import CONNECT_TIMEOUT_S, Ledger, open_ledger, shown_uri
from lib.settings import Settings
from lib.tracking.client import artifact_place, open_client

if TYPE_CHECKING:
    from mlflow import MlflowClient

_PORTS = {"http": 80, "https": 443, "postgresql": 5432, "mysql": 3306}


@dataclass(frozen=True)
class Stores:
    """Where a registry lives."""

    client: MlflowClient
    ledger: Ledger
    settings: Settings

    def head(self, name: str) -> Transition:
        """The last entry of a model; raises UnknownVersion when it has none."""
        found = self.ledger.head(name)
        if found is None:
            raise unknown_model(self.ledger, name)
        return found

    def about(self, name: str, version: int | str) -> Transition:
        """The last entry about a version; raises UnknownVersion when it has none."""
        number = int(version) if str(version).isdecimal() else -1
        found = self.ledger.about(name, number)
        if found is None:
            known = ", ".join(str(entry.version) for entry in self.ledger.latest(name)[-20:])
            if not known:
                raise unknown_model(self.ledger, name)
            raise UnknownVersion(
                f"{name} has no version {version!r} in this registry. It has {known}. A version made in MLflow itself "
                "has no entry in the ledger: register its run."
            )
        return found

    def location(self, name: str, version: int) -> str:
        """Where the files of a version lie."""
        return artifact_place(self.client, str(self.client.get_model_version(name, str(version)).source))


def unknown_model(ledger: Ledger, name: str) -> UnknownVersion:
    """The error for a model without an entry."""
    known = ", ".join(repr(each) for each in ledger.names()) or "none yet"
    return UnknownVersion(f"no model {name!r} is in this registry; there is {known}. Register a run first.")


@contextmanager
def open_stores(settings: Settings | None) -> Iterator[Stores]:
    """Both stores, reachable; what MLflow raises within comes out as a RegistryError.

    Raises StoreUnavailable within seconds when one does not answer.
    """
    from mlflow.exceptions import MlflowException

    settings = settings or Settings()
    ledger = open_ledger(settings)
    _require_answer(settings.store_uri)
    try:
        yield Stores(open_client(settings), ledger, settings)
    except (WorkspaceError, DBAPIError, Timeout) as error:
        raise _unavailable(settings, error) from error
    except MlflowException as error:
        if error.error_code in ("INTERNAL_ERROR", "TEMPORARILY_UNAVAILABLE"):
            raise _unavailable(settings, error) from error
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            raise UnknownVersion(
                f"the ledger names what MLflow does not have: {error.message}. It was deleted there: restore it."
            ) from error
        raise RegistryError(f"MLflow refused: {error.message}") from error


def _require_answer(uri: str) -> None:
    """Knock first: MLflow itself would try again for minutes."""
    parts = urlsplit(uri)
    scheme = parts.scheme.partition("+")[0]
    if parts.hostname is None or scheme not in _PORTS:
        return
    try:
        with socket.create_connection((parts.hostname, parts.port or _PORTS[scheme]), timeout=CONNECT_TIMEOUT_S):
            pass
    except OSError as error:
        raise StoreUnavailable(
            _unreachable(f"{scheme}://{parts.hostname}:{parts.port or _PORTS[scheme]}", error)
        ) from error


def _unavailable(settings: Settings, error: Exception) -> StoreUnavailable:
    return StoreUnavailable(_unreachable(shown_uri(settings.store_uri), error))


def _unreachable(what: str, error: Exception) -> str:
    first = str(error).strip().partition("\n")[0]
    return (
        f"the tracking store {what} cannot be used: {type(error).__name__}: {first}. "
        "Start it or mend tracking_uri (MLOPS_TRACKING_URI), then try again; `repair` completes what was begun."
    )
