"""What is asked of versions beyond the registry's own rules, as whoever assembles a system chose it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from lib.registry.contender import Admit, Gate
from lib.registry.entries import Version
from lib.registry.versions import register
from lib.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Safeguards:
    """`admit` looks at the files of a version before they are read; `sign(name, version)` vouches for one.

    `trial` are the gates of a version that is to be tried, `release` those of one that is to answer clients, for the
    first time or again. Without any of them, nothing is asked but what the registry asks itself.
    """

    admit: Admit | None = None
    trial: tuple[Gate, ...] = ()
    release: tuple[Gate, ...] = ()
    sign: Callable[[str, int], object] | None = None

    def register(self, run_id: str, name: str, *, by: str, settings: Settings) -> Version:
        """As `lib.registry.register`, and signed where there is a key; raises what `sign` raises besides."""
        version = register(run_id, name, by=by, settings=settings)
        if self.sign is not None:
            self.sign(name, version.version)
        return version


NONE = Safeguards()
