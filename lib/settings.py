"""One frozen model of what may be set from outside: places, names and the seed; passed in, never read at import."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Self

from pydantic import AliasChoices, Field, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SecretsSettingsSource, SettingsConfigDict

SQLITE = "sqlite:///"
SECRETS = Path("/run/secrets")  # where Docker, Podman and Kubernetes put what a container must know and nobody else
_RATE = r"^[1-9]\d*/(second|minute|hour|day)$"


class Settings(BaseSettings):
    """Where the system keeps its things; every field can be set as `MLOPS_<FIELD>` in the environment.

    `request_rate` and `row_rate` are what one person may ask of a server that asks for keys (`lib.governance.rates`).
    `redis_url` is also taken from plain `REDIS_URL`, the name that hosts and containers set; `MLOPS_REDIS_URL` wins.
    What is not in the environment is taken from a file `mlops_<field>` in /run/secrets: addresses that hold passwords.
    `monitor_url` is where a monitor runs (`python -m lib watch`), whose figures the server's control room shows.
    `signers` are files of public keys: where there are any, only models that one of them has signed are read.
    `policy` is a file of rules: where it is named, no version that breaks one is approved or released. `signing_key` is
    the private key by which the pipeline signs what it registers. `access` is the folder with the people who have keys.
    A misspelt field, or a misspelt `MLOPS_` variable, is an error (pydantic's ValidationError, a ValueError).

    >>> Settings(seed=7).seed
    7
    """

    model_config = SettingsConfigDict(frozen=True, extra="forbid", env_prefix="MLOPS_")

    root: Path = Path()
    tracking_uri: str = f"{SQLITE}mlflow.db"
    experiment: str = Field(default="House Price Prediction", min_length=1)
    ledger_uri: str = f"{SQLITE}registry.db"
    approvers: frozenset[str] = frozenset()
    data_remote: Path | None = None
    features: Path = Path("features")
    served_model: str = Field(default="house-price-predictor", min_length=1)
    predictions: Path = Path("predictions")
    deployment: Path = Path("deployment")
    pseudonym_keys: Path = Path("pseudonym_keys.json")
    signers: frozenset[Path] = frozenset()
    signing_key: Path | None = None
    policy: Path | None = None
    access: Path = Path("governance")
    monitor_url: str | None = Field(default=None, pattern=r"^https?://")
    redis_url: str | None = Field(default=None, validation_alias=AliasChoices("mlops_redis_url", "redis_url"))
    request_rate: str = Field(default="6000/minute", pattern=_RATE)
    row_rate: str = Field(default="20000/hour", pattern=_RATE)
    seed: int = Field(default=0, ge=0, lt=2**128)

    @classmethod
    def settings_customise_sources(
        cls, settings_cls: type[BaseSettings], *sources: PydanticBaseSettingsSource, **named: PydanticBaseSettingsSource
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What is passed in, then the environment, then the files of secrets where there are any."""
        files = (SecretsSettingsSource(settings_cls, secrets_dir=SECRETS),) if SECRETS.is_dir() else ()
        return *sources, named["init_settings"], named["env_settings"], *files

    @classmethod
    def rooted(cls, root: Path | None, *, usual: Path) -> Self:
        """As they are set, with `root` where it is given, else that of the environment, else the `usual` one.

        >>> Settings.rooted(Path("there"), usual=Path("out")).root, Settings.rooted(None, usual=Path("out")).root
        (PosixPath('there'), PosixPath('out'))
        """
        settings = cls()
        if root is None and "root" in settings.model_fields_set:
            return settings
        return settings.model_copy(update={"root": root or usual})

    @property
    def store_uri(self) -> str:
        """`tracking_uri` with a relative SQLite path made absolute under `root`; any other URI as it is."""
        return self._placed(self.tracking_uri)

    @property
    def ledger_store_uri(self) -> str:
        """`ledger_uri`, made absolute as `store_uri` is."""
        return self._placed(self.ledger_uri)

    def _placed(self, uri: str) -> str:
        path = sqlite_path(uri)
        return uri if path is None else f"{SQLITE}{(self.root / path).resolve()}"

    @property
    def feature_folder(self) -> Path:
        """Where feature views and their events are kept; a relative `features` lies under `root`."""
        return (self.root / self.features).resolve()

    @property
    def prediction_folder(self) -> Path:
        """Where answered predictions are kept; a relative `predictions` lies under `root`."""
        return (self.root / self.predictions).resolve()

    @property
    def deployment_folder(self) -> Path:
        """Where it stands what is wanted of staging and production, and what became of it; under `root` if relative."""
        return (self.root / self.deployment).resolve()

    @property
    def access_folder(self) -> Path:
        """Where people, the digests of their keys and the key of their tokens lie; under `root` if relative.

        Servers that let in the same people need the same one, if only to read it.
        """
        return (self.root / self.access).resolve()

    @property
    def pseudonym_key_file(self) -> Path:
        """The keys of the log's pseudonyms; under `root` if relative, and better where readers of the log are not.

        Servers whose logs are joined need the same file; without one each makes its own.
        """
        return (self.root / self.pseudonym_keys).resolve()

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown_variables(cls, values: Any) -> Any:
        known = {f"MLOPS_{field.upper()}" for field in cls.model_fields}
        unknown = sorted(name for name in os.environ if name.upper().startswith("MLOPS_") and name.upper() not in known)
        if unknown:
            raise ValueError(
                f"no setting is named {', '.join(unknown)}. Unset it, or use one of {', '.join(sorted(known))}."
            )
        return values


def absolute_variables(settings: Settings) -> dict[str, str]:
    """The variables that name keys and rules, for a process that starts in another folder."""
    files = {"MLOPS_POLICY": settings.policy, "MLOPS_SIGNING_KEY": settings.signing_key}
    found = {name: str(path.absolute()) for name, path in files.items() if path is not None}
    if settings.signers:
        found["MLOPS_SIGNERS"] = json.dumps([str(path.absolute()) for path in sorted(settings.signers)])
    return found


def sqlite_path(uri: str) -> Path | None:
    """The file that a SQLite URI names, None for any other URI and for an in-memory database.

    >>> sqlite_path("sqlite:///mlflow.db").as_posix(), sqlite_path("http://127.0.0.1:5000")
    ('mlflow.db', None)
    """
    if not uri.startswith(SQLITE):
        return None
    path = uri.removeprefix(SQLITE).partition("?")[0]
    return Path(path) if path and path != ":memory:" else None
