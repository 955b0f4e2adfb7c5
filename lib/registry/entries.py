"""What the ledger holds: transitions with their evidence, and the approval that a move to Production needs."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, StrictBool

Stage = Literal["None", "Staging", "Production", "Archived"]
Kind = Literal["register", "promote", "archive", "rollback", "refused"]


def _plain(value: Any) -> Any:
    """NumPy's numbers as Python's, and what JSON has no number for as text ("nan", "inf")."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {str(_plain(key)): _plain(entry) for key, entry in value.items()}
    return [_plain(entry) for entry in value] if isinstance(value, (list, tuple)) else value


Name = Annotated[str, Field(min_length=1)]
PlainBool = Annotated[StrictBool, BeforeValidator(_plain)]
PlainJson = Annotated[JsonValue, BeforeValidator(_plain)]


class Entry(BaseModel):
    """Frozen, JSON in and out, and a misspelt field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Evidence(Entry):
    """What one gate found: `measured` against `threshold` (any JSON), and in words why it passed or failed."""

    id: Name
    passed: PlainBool
    measured: PlainJson = None
    threshold: PlainJson = None
    reason: str = ""


class Approval(Entry):
    """That a person answers for a version in Production, and why."""

    by: Name
    reason: Name


class Version(Entry):
    """A registered version as it stands now; `digest` covers all its files, `by` registered it at `at` (UTC)."""

    name: str
    version: int
    stage: Stage
    run_id: str
    digest: str
    trainer: str | None
    by: str
    at: datetime


class Transition(Entry):
    """One line of the ledger; `champion`, `staging` and `previous` are the versions in those places after it.

    `from_stage` is None where a version was registered. A refused attempt has the stage it stayed in on both sides.
    """

    name: str
    sequence: int
    at: datetime
    by: str
    kind: Kind
    version: int
    from_stage: Stage | None
    to_stage: Stage
    reason: str
    approver: str | None
    evidence: tuple[Evidence, ...]
    run_id: str
    digest: str
    trainer: str | None
    champion: int | None
    staging: int | None
    previous: int | None

    def __str__(self) -> str:
        """The line in words.

        >>> print(_EXAMPLE)
        7 · 2026-03-02 09:30:00 UTC · ada: version 3 Staging → Production (approved by grace): beats version 2
        """
        what = f"version {self.version} "
        if self.kind == "register":
            what += "registered"
        elif self.kind == "refused":
            failed = ", ".join(evidence.id for evidence in self.evidence if not evidence.passed)
            what += f"refused, stays in {self.to_stage}{f' (failed: {failed})' if failed else ''}"
        else:
            what += f"{self.from_stage} → {self.to_stage}{' by rollback' if self.kind == 'rollback' else ''}"
        approved = f" (approved by {self.approver})" if self.approver else ""
        why = f": {self.reason}" if self.reason else ""
        return f"{self.sequence} · {self.at:%Y-%m-%d %H:%M:%S} UTC · {self.by}: {what}{approved}{why}"


_EXAMPLE = Transition(
    name="m", sequence=7, at=datetime.fromisoformat("2026-03-02T09:30:00+00:00"), by="ada", kind="promote", version=3,
    from_stage="Staging", to_stage="Production", reason="beats version 2", approver="grace", evidence=(), run_id="r",
    digest="d", trainer="ada", champion=3, staging=None, previous=2,
)  # fmt: skip
