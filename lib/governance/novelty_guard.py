"""The novelty check of a server whose versions come and go: fitted for each before it answers."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import pandas as pd

from lib.errors import LibError
from lib.governance.novelty import Novelty, fit_novelty
from lib.registry import LoadedVersion

if TYPE_CHECKING:
    from starlette.requests import Request

    from lib.serving.bundle import Bundle
    from lib.serving.current import Source
    from lib.serving.schema import Row

REFUSED = 0.001
_log = logging.getLogger(__name__)


class NoveltyGuard:
    """`guarded` goes around the source of versions and `screen` before predictions, of the same server.

    `rows_of(version)` gives the table that a version learnt from, and `columns` are those to look at, as far as the
    version takes them. A version whose rows cannot be had answers unscreened, and the log says so.
    """

    def __init__(self, rows_of: Callable[[LoadedVersion], pd.DataFrame], *, columns: Sequence[str]) -> None:
        self._rows_of, self._columns = rows_of, columns
        self._fitted: dict[str, Novelty | None] = {}

    def guarded(self, source: Source) -> Source:
        """`source`, which also fits the check to a version that is new."""

        def wanted() -> LoadedVersion:
            loaded = source()
            if loaded.digest not in self._fitted:
                self._fitted[loaded.digest] = self._fit(loaded)
            return loaded

        return wanted

    def screen(self, request: Request, bundle: Bundle, rows: Sequence[Row]) -> None:
        """Refuse the rows that are too far from those that the version learnt from."""
        novelty = self._fitted.get(bundle.digest)
        if novelty is not None:
            novelty.screen(request, bundle, rows)

    def _fit(self, loaded: LoadedVersion) -> Novelty | None:
        names = loaded.signature.inputs.input_names() if loaded.signature is not None else []
        try:
            rows = self._rows_of(loaded)
            # A small table cannot tell so rare a row.
            refused = max(REFUSED, 2 / max(len(rows), 1))
            return fit_novelty(rows, [name for name in self._columns if name in names], refused=refused)
        except LibError as error:
            _log.warning("version %d of %s answers rows of any kind: %s", loaded.version, loaded.name, error)
            return None
