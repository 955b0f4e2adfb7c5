"""What is wanted of an environment: a small file in git, typed, in which a typo is an error."""

from __future__ import annotations

import json
from collections.abc import Hashable
from typing import Any, Literal, TypeVar, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from lib.errors import DeliveryError

Environment = Literal["staging", "production"]
ENVIRONMENTS: tuple[Environment, ...] = get_args(Environment)


class Part(BaseModel):
    """Frozen, and a misspelt field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


Kind = TypeVar("Kind", bound=Part)


class CanaryStep(Part):
    """Give the new version this `share` of the requests, and judge it once it has had so many `requests`."""

    share: float = Field(gt=0, lt=1)
    requests: int = Field(ge=1)


class Canary(Part):
    """How a new version is let near clients; without steps it takes over at once.

    At most the share `failures` of its requests may fail (5xx, or no answer); at most the share `refusals` more of them
    than of its predecessor's may be refused (4xx); on average its answers may take `slower` times as long. A step that
    has not seen its requests after `patience_s` ends in a rollback: who cannot be judged is not let in.
    """

    steps: tuple[CanaryStep, ...] = (CanaryStep(share=0.1, requests=150), CanaryStep(share=0.5, requests=300))
    failures: float = Field(default=0.01, ge=0, lt=1)
    refusals: float = Field(default=0.05, ge=0, lt=1)
    slower: float = Field(default=3.0, gt=1)
    patience_s: float = Field(default=600.0, gt=0)

    @field_validator("steps")
    @classmethod
    def _growing(cls, steps: tuple[CanaryStep, ...]) -> tuple[CanaryStep, ...]:
        shares = [step.share for step in steps]
        if shares != sorted(set(shares)):
            raise ValueError(f"the shares {shares} do not grow from step to step. Order them.")
        return steps


class Wanted(Part):
    """One version of a model in so many replicas, reached as `canary` says."""

    model: str = Field(min_length=1, pattern=r"^[\w][\w.-]*$")
    version: int = Field(ge=1)
    replicas: int = Field(default=2, ge=1, le=50)
    canary: Canary = Canary()

    def as_yaml(self) -> str:
        """As it stands in git."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False)


def read_wanted(text: str, *, what: str) -> Wanted:
    """The wanted state in `text`; raises DeliveryError naming `what`, and the line or field at fault.

    >>> read_wanted("{model: m, version: 3}", what="production.yaml").replicas
    2
    """
    return read_part(Wanted, text, what=what)


def read_part(kind: type[Kind], text: str, *, what: str) -> Kind:
    """A part of any kind from YAML: no field twice, none that is unknown, no text where a number belongs."""
    try:
        content = yaml.load(text, Loader=_Strict)  # noqa: S506  a SafeLoader
    except yaml.YAMLError as error:
        raise DeliveryError(f"{what} is no YAML: {' '.join(str(error).split())}. Mend it and commit.") from error
    try:
        return kind.model_validate_json(json.dumps(content, default=str), strict=True)
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, each['loc'])) or 'it'}: {each['msg']}" for each in error.errors())
        raise DeliveryError(f"{what}: {faults}. It may say {', '.join(kind.model_fields)}.") from error


class _Strict(yaml.SafeLoader):
    """YAML lets the second of two equal keys win in silence; here it is an error."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001, FBT002  as it is there
        seen: set[Any] = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"{key.value!r} stands there twice", key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)
