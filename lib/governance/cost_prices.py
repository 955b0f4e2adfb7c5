"""The declared price table: what an hour of each resource costs."""

from __future__ import annotations

import tomllib
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lib.errors import CostError

DECLARED = Path(__file__).with_name("prices.toml")


class Prices(BaseModel):
    """Prices of an hour; `source` says whose they are."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    currency: str = Field(min_length=1)
    core_hour: float = Field(ge=0)
    memory_gib_hour: float = Field(ge=0)
    storage_gib_hour: float = Field(ge=0)
    source: str = Field(min_length=1)


def read_prices(path: Path = DECLARED) -> Prices:
    """The table in a TOML file; raises CostError with what is wrong in it.

    >>> read_prices().core_hour
    0.031611
    """
    try:
        return Prices.model_validate(tomllib.loads(path.read_text("utf-8")))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise CostError(f"the prices in {path} cannot be read: {error}. Give --prices another file.") from error
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
        raise CostError(f"{path}: {faults}. It sets {', '.join(Prices.model_fields)}.") from error
