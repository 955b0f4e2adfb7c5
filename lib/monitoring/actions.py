"""What may be done about an alert without asking: train again, fall back to a stable version, or go to manual mode."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import ClassVar, Protocol

from pydantic import JsonValue

from lib.errors import MonitoringError
from lib.monitoring.blame import Blame
from lib.monitoring.manual import Fallback, Switch
from lib.monitoring.rules import ActionName
from lib.registry import Safeguards, history, promote, rollback
from lib.registry.safeguards import NONE
from lib.settings import Settings

ROBOT = "monitoring"
"""Whose name stands in the ledger and in the log when nobody was asked."""


@dataclass(frozen=True)
class Done:
    """What an action did, in words; `before` is what an undoing needs to know. Nothing `changed` when it was so."""

    said: str
    before: dict[str, JsonValue] = field(default_factory=dict)
    changed: bool = True


class Action(Protocol):
    """One thing that may be done; each leaves things as they are when they are so already.

    An action that `ends_itself` is undone when its alert is over.
    """

    name: ClassVar[ActionName]
    ends_itself: ClassVar[bool]

    def do(self, *, by: str, reason: str) -> Done:
        """Raises LibError when it cannot be done."""
        ...

    def undo(self, before: dict[str, JsonValue], *, by: str, reason: str) -> str:
        """Put back what `do` changed; returns what was done in words. Raises LibError when it cannot be undone."""
        ...


@dataclass(frozen=True)
class Retrain:
    """Calls `train(reason)`, a pipeline with a budget and triggers of its own; it registers a candidate or does not.

    It returns the version, or None, and says in words why. Undone, the candidate is archived; nothing serves it before
    a person has approved.
    """

    train: Callable[[str], tuple[int | None, str]]
    model: str
    settings: Settings
    name: ClassVar[ActionName] = "retrain"
    ends_itself: ClassVar[bool] = False

    def do(self, *, by: str, reason: str) -> Done:
        del by  # the pipeline registers under its own name
        version, said = self.train(reason)
        return Done(said, {"candidate": version}, changed=version is not None)

    def undo(self, before: dict[str, JsonValue], *, by: str, reason: str) -> str:
        version = _number(before, "candidate")
        promote(self.model, version, to="Archived", by=by, reason=reason, settings=self.settings)
        return f"archived candidate {version} of {self.model}"


@dataclass(frozen=True)
class FallBack:
    """Puts the version known to be `stable` back in Production; without one, the champion before the present one.

    `blamed(version, other)` holds the version that answers against the one to fall back to: when the market moved, and
    not the release was bad, both err alike, and nothing is put back. It was approved when it came to Production; the
    registry's ledger has the entry. What `safeguards` ask of a release is asked of it again. Undone, the version that
    was replaced answers again, unless somebody has moved the model meanwhile.
    """

    model: str
    settings: Settings
    stable: int | None = None
    safeguards: Safeguards = NONE
    blamed: Callable[[int, int], Blame] | None = None
    name: ClassVar[ActionName] = "fall back"
    ends_itself: ClassVar[bool] = False

    def do(self, *, by: str, reason: str) -> Done:
        entries = history(self.model, settings=self.settings)
        head = entries[-1]
        came = next((each for each in reversed(entries) if each.to_stage == "Production"), None)
        if self.stable is None and came is not None and came.kind == "rollback" and came.version == head.champion:
            # The one before it is the one that was left.
            return Done(f"fell back already: {came}", changed=False)
        target = head.previous if self.stable is None else self.stable
        if target is None:
            raise MonitoringError(
                f"{self.model} has no version to fall back to: no other was ever champion. Switch manual mode on."
            )
        if head.champion == target:
            return Done(f"version {target} of {self.model} answers already", changed=False)
        found = None if self.blamed is None or head.champion is None else self.blamed(head.champion, target)
        if found is not None and not found.release:
            return Done(f"{found}. It is the market, not the release: version {target} is no better", changed=False)
        self._back(target, by=by, reason=reason)
        said = f"version {target} of {self.model} answers in place of {head.champion}"
        return Done(said if found is None else f"{said}: {found}", {"from": head.champion, "to": target})

    def undo(self, before: dict[str, JsonValue], *, by: str, reason: str) -> str:
        was, now = _number(before, "from"), _number(before, "to")
        champion = history(self.model, settings=self.settings)[-1].champion
        if champion != now:
            raise MonitoringError(
                f"version {champion} of {self.model} answers, and not {now}, to which it fell back: somebody moved it "
                "since. Look at lib.registry.history(…); there is nothing to undo."
            )
        self._back(was, by=by, reason=reason)
        return f"version {was} of {self.model} answers again"

    def _back(self, to: int, *, by: str, reason: str) -> None:
        asked = self.safeguards
        rollback(
            self.model, by=by, reason=reason, to=to, gates=asked.release, admit=asked.admit, settings=self.settings
        )


@dataclass(frozen=True)
class ManualMode:
    """Turns the `switch` on: the server answers by `fallback`, or refuses when there is none."""

    switch: Switch
    fallback: Fallback | None = None
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    name: ClassVar[ActionName] = "manual"
    ends_itself: ClassVar[bool] = True

    def do(self, *, by: str, reason: str) -> Done:
        present = self.switch.read()
        manual = self.switch.on(fallback=self.fallback, by=by, reason=reason, at=self.clock())
        if present is not None:
            return Done(f"manual mode is on since {manual.since:%Y-%m-%d %H:%M} UTC", changed=False)
        answers = f"{manual.fallback.words} is answered" if manual.fallback else "every request is refused"
        return Done(f"manual mode is on: {answers}", {"token": manual.token})

    def undo(self, before: dict[str, JsonValue], *, by: str, reason: str) -> str:
        del by, reason  # they stand in the log
        present = self.switch.read()
        if present is None or present.token != before.get("token"):
            state = "is off" if present is None else f"was turned on again by {present.by}"
            raise MonitoringError(f"manual mode {state} since; there is nothing to undo.")
        self.switch.off()
        return "manual mode is off: the model answers"


def _number(before: dict[str, JsonValue], name: str) -> int:
    value = before.get(name)
    if not isinstance(value, int):
        raise MonitoringError(f"the log does not say {name!r} ({value!r}), so this cannot be undone by itself.")
    return value
