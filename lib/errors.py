"""The errors that `lib` raises on purpose; each message states the fact, the value and the way out."""

from __future__ import annotations


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


class FeatureError(LibError):
    """A feature view, its events, or a read of its values is not as it must be."""


class RedisServerError(LibError):
    """A Redis server cannot be found, started or reached."""
