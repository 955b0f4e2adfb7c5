"""How much the server takes at once."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Limits(BaseModel):
    """`rows` and `body_bytes` are of one request (413 above), `queue_rows` may wait (503 above).

    `batch_rows` are predicted together, and `poll_s` are the seconds between two looks at the registry.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    rows: int = Field(default=1_000, ge=1)
    body_bytes: int = Field(default=2**20, ge=1)
    batch_rows: int = Field(default=256, ge=1)
    queue_rows: int = Field(default=4_096, ge=1)
    poll_s: float = Field(default=2.0, gt=0)
