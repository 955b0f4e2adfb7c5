"""The two sides of a promotion as a gate sees them, and how gates are run and their findings kept."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from lib.registry.artifact import Check, Loaded, load_verified
from lib.registry.entries import Evidence, Transition
from lib.registry.stores import Stores
from lib.tracking.read import read_run

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.models import ModelSignature


@dataclass(frozen=True, kw_only=True)
class Contender:
    """A version before a gate; its run and model are read when they are asked for, the digest being checked first."""

    name: str
    version: int
    run_id: str
    digest: str
    stores: Stores = field(repr=False)
    trusted: tuple[str, ...] = ()
    check: Check | None = field(default=None, repr=False)

    @cached_property
    def run(self) -> dict[str, Any]:
        """All that the run recorded, as `lib.tracking.read_run` gives it."""
        return read_run(self.run_id, settings=self.stores.settings)

    @property
    def model(self) -> Any:
        """The fitted model."""
        return self._loaded.model

    @property
    def signature(self) -> ModelSignature | None:
        """MLflow's signature: names and types of inputs and outputs."""
        return self._loaded.signature

    @cached_property
    def location(self) -> str:
        """Where the files lie."""
        return self.stores.location(self.name, self.version)

    @cached_property
    def _loaded(self) -> Loaded:
        what = f"version {self.version} of {self.name}"
        return load_verified(self.location, self.digest, what=what, trusted=self.trusted, check=self.check)


Gate = Callable[[Contender, Contender | None], Evidence]
Admit = Callable[[Transition], Check]
"""Asked about the entry of a version, it returns what looks at its files; equal checks stand for each other."""


def contender(
    stores: Stores,
    entry: Transition,
    *,
    trusted: Sequence[str] = (),
    admit: Admit | None = None,
) -> Contender:
    """The version of a ledger entry as a gate sees it."""
    return Contender(
        name=entry.name,
        version=entry.version,
        run_id=entry.run_id,
        digest=entry.digest,
        stores=stores,
        trusted=tuple(trusted),
        check=None if admit is None else admit(entry),
    )


def run_gates(gates: Iterable[Gate], candidate: Contender, champion: Contender | None) -> tuple[Evidence, ...]:
    """What every gate found, also after one has failed; a gate that raises, or returns anything else, has failed."""
    return tuple(_run(gate, candidate, champion) for gate in gates)


def _run(gate: Gate, candidate: Contender, champion: Contender | None) -> Evidence:
    name = getattr(gate, "__name__", type(gate).__name__)
    try:
        found = gate(candidate, champion)
    except Exception as error:  # noqa: BLE001  a gate is anybody's code, and one that cannot answer does not let pass
        return Evidence(id=name, passed=False, reason=f"it raised {type(error).__name__}: {error}")
    if isinstance(found, Evidence):
        return found
    return Evidence(id=name, passed=False, reason=f"it returned {type(found).__name__}, not Evidence(id=…, passed=…)")


def keep_evidence(
    client: MlflowClient, candidate: Contender, champion: Contender | None, evidence: Sequence[Evidence]
) -> str:
    """Store the findings as an artifact of the candidate's run; returns its path."""
    now = datetime.now(UTC)
    report = {
        "name": candidate.name,
        "version": candidate.version,
        "champion": None if champion is None else champion.version,
        "at": now.isoformat(),
        "passed": all(each.passed for each in evidence),
        "evidence": [each.model_dump(mode="json") for each in evidence],
    }
    path = f"registry/{candidate.name}/version-{candidate.version}-{now:%Y%m%dT%H%M%S.%fZ}.json"
    client.log_text(candidate.run_id, json.dumps(report, indent=2, ensure_ascii=False) + "\n", path)
    return path
