"""Which bundle answers now: one reference, replaced whole when the registry names another version that is sound."""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from lib.errors import LibError, NoModel
from lib.registry import Admit, LoadedVersion, load, load_version, served_at
from lib.serving.bundle import Bundle, make_bundle
from lib.serving.metrics import Metrics
from lib.settings import Settings

Source = Callable[[], LoadedVersion]
_log = logging.getLogger(__name__)


def wanted_version(source: str | LoadedVersion | Source, settings: Settings, *, admit: Admit | None = None) -> Source:
    """What is asked for the version to serve: the champion of a registered model by name, or always the given one."""
    if isinstance(source, LoadedVersion):
        return lambda: source
    if isinstance(source, str):
        return functools.partial(_champion, source, settings, admit)
    return source


def one_version(name: str, version: int, settings: Settings, *, admit: Admit | None = None) -> Source:
    """What is asked for one version of a registered model, whatever its stage."""
    return functools.partial(load_version, name, version, admit=admit, settings=settings)


def _champion(name: str, settings: Settings, admit: Admit | None) -> LoadedVersion:
    """Raises NoModel when the champion was withdrawn, and what `load` raises when it cannot be read."""
    if served_at(name, datetime.now(UTC), settings=settings) is None:
        raise NoModel(f"no version of {name} is in Production. Promote one.")
    return load(name, admit=admit, settings=settings)


@dataclass(frozen=True)
class Refusal:
    """A version that is wanted and must not answer, or a look at the registry that failed, and why."""

    version: int | None
    reason: str


class Current:
    """Holds the bundle; `refresh` looks for another and puts it in place once it has passed its self-test."""

    def __init__(self, source: Source, metrics: Metrics) -> None:
        self.bundle: Bundle | None = None
        self.refusal: Refusal | None = None
        self._source, self._metrics = source, metrics
        self._turn = asyncio.Lock()

    async def refresh(self) -> Bundle | None:
        """Serve the version that is wanted now; the old one stays when the new one is refused. Returns what serves."""
        async with self._turn:
            try:
                found = await asyncio.to_thread(self._look)
            except NoModel as error:
                # Withdrawn on purpose: nothing answers until the next promotion.
                self._put(None)
                self._refuse(Refusal(None, str(error)))
            except Exception as error:  # noqa: BLE001  a driver may raise anything; it is logged and the watch goes on
                self._refuse(Refusal(None, str(error) if isinstance(error, LibError) else f"{error!r} came up"))
            else:
                if isinstance(found, Refusal):
                    self._refuse(found)
                else:
                    self._put(found)
                    self.refusal = None
            return self.bundle

    async def watch(self, poll_s: float) -> None:
        """Refresh every `poll_s` seconds, for ever."""
        while True:
            await asyncio.sleep(poll_s)
            await self.refresh()

    def _look(self) -> Bundle | Refusal:
        loaded = self._source()
        if self.bundle is not None and _same(self.bundle, loaded):
            return self.bundle
        if self.refusal is not None and self.refusal.version == loaded.version:
            return self.refusal
        try:
            return make_bundle(loaded)
        except LibError as error:
            return Refusal(loaded.version, str(error))

    def _put(self, bundle: Bundle | None) -> None:
        if bundle is self.bundle:
            return
        self.bundle = bundle
        self._metrics.show(bundle)
        if bundle is not None:
            self._metrics.swaps.inc()
            _log.info("version %d of %s answers now (%s)", bundle.version, bundle.name, bundle.path)

    def _refuse(self, refusal: Refusal) -> None:
        if refusal == self.refusal:
            return
        self.refusal = refusal
        self._metrics.refused.inc()
        serving = "nothing answers" if self.bundle is None else f"version {self.bundle.version} serves on"
        _log.error("%s; %s", refusal.reason, serving)


def _same(bundle: Bundle, loaded: LoadedVersion) -> bool:
    return (bundle.name, bundle.version, bundle.digest) == (loaded.name, loaded.version, loaded.digest)
