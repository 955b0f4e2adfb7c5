"""The errors that `lib` raises on purpose; each message states the fact, the value and the way out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class LibError(Exception):
    """Root of every error that `lib` raises on purpose."""


class SchemaError(LibError):
    """A table does not have the columns, types or ranges that were declared for it."""


class DataError(LibError):
    """Data cannot be read, generated or divided as asked."""


class VersionError(LibError):
    """A data version cannot be taken, found, fetched or moved."""


class TrackingError(LibError):
    """An experiment run cannot be recorded, read or repeated."""


class WorkspaceError(LibError):
    """A workspace or the store inside it cannot be prepared."""


class RegistryError(LibError):
    """A model version cannot be registered, moved or loaded; nothing was changed, unless the message says so."""


class UnknownVersion(RegistryError):
    """No model, version or stage of that name is in the registry."""


class UnfitRun(RegistryError):
    """The run behind a version did not finish, or has no model that may be served."""


class IllegalMove(RegistryError):
    """The lifecycle has no such move, or the version stands there already."""


class PromotionRefused(RegistryError):
    """A gate failed or the approval does not hold; `evidence` is what the gates measured."""

    evidence: tuple[object, ...] = ()


class Conflict(RegistryError):
    """Somebody else moved the model meanwhile, and what was checked no longer holds."""


class ArtifactCorrupted(RegistryError):
    """The files of a version are not those that were registered; none of them was read as a model."""


class StoreUnavailable(RegistryError):
    """The tracking store or the ledger cannot be reached."""


class FeatureError(LibError):
    """A feature view, its events, or a read of its values is not as it must be."""


class BatchError(LibError):
    """A table cannot be scored; what was published before stands, and finished partitions are kept."""


class StreamError(LibError):
    """Events cannot be published or consumed; what was not acknowledged is still in the stream."""


class StreamFull(StreamError):
    """The stream holds as many unfinished events as it may; `published` of the events given were taken."""

    def __init__(self, message: str, *, published: int) -> None:
        self.published = published
        super().__init__(message)


class RedisServerError(LibError):
    """A Redis server cannot be found, started or reached."""


class ServingError(LibError):
    """The server cannot be started, or cannot answer."""


class UnfitModel(ServingError):
    """A model must not answer: no inputs are declared, or it failed its self-test."""


class Overloaded(ServingError):
    """The server cannot take this request now; the same request may succeed later."""


@dataclass(frozen=True)
class Fault:
    """What is wrong with one value of a request; `row` counts from 0, None where it is not about one row or field."""

    reason: str
    row: int | None = None
    field: str | None = None

    def __str__(self) -> str:
        where = "" if self.row is None else f"row {self.row}: "
        return f"{where}{'' if self.field is None else f'{self.field}: '}{self.reason}"


class BadRows(ServingError):
    """Rows that the model must not score; `faults` says which values and why, `unshown` how many more there are."""

    def __init__(self, faults: Sequence[Fault], *, unshown: int = 0) -> None:
        self.faults = tuple(faults)
        more = f" (and {unshown} more)" if unshown else ""
        super().__init__("; ".join(map(str, self.faults)) + more)


class LogUnwritable(ServingError):
    """Predictions cannot be recorded, so they must not be answered."""


class ReplicaDied(ServingError):
    """A server process ended by itself, or was not ready in time."""


class ProxyError(ServingError):
    """The proxy in front of the replicas cannot be started, or has ended."""


class NoModel(ServingError):
    """No version is in place that could answer."""


class DeliveryError(LibError):
    """A release, a step of the pipeline or a retraining cannot go on; what was made before stays."""


class Refused(DeliveryError):
    """A check said no: the candidate, the data or the approval is not good enough to go on; nothing is broken."""


class WorkflowError(DeliveryError):
    """A GitHub Actions workflow is none that GitHub would run, or uses what cannot be rehearsed here."""


class MonitoringError(LibError):
    """What is predicted, labelled, watched or told cannot be kept, judged or done as asked."""


class PrivacyError(LibError):
    """Personal data stands where it must not, or cannot be pseudonymised or erased as asked."""


class ProvenanceError(LibError):
    """It is not proven where a model comes from: unsigned, signed by a stranger, changed, or another one."""


class CostError(LibError):
    """What was used, what it costs or what it may cost is not known, or does not add up."""


class PolicyError(LibError):
    """The policy file, or what a person has to say in a model card, is not there, not complete or not understood."""


class AccessError(LibError):
    """Somebody may not do what they asked for, or access cannot be given as asked."""


class BadCredential(AccessError):
    """A key or token that opens nothing; `key_id` names the key where it was once a good one."""

    def __init__(self, message: str, *, key_id: str | None = None) -> None:
        self.key_id = key_id
        super().__init__(message)


class TrailError(LibError):
    """The audit trail cannot be written, or is not as it was written."""
