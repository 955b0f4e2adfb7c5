"""From alerts to actions: each alert acts once, not too often, never while its cause fires, and all of it is logged."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from lib.errors import LibError, MonitoringError
from lib.monitoring.actions import ROBOT, Action
from lib.monitoring.audit import ActionLog, Entry
from lib.monitoring.evaluate import Alert
from lib.monitoring.rules import ActionName, Rule


class Restraint(BaseModel):
    """At most `budget` actions of a kind are begun within `budget_s`, and two of them `cool_down_s` apart."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    budget: int = Field(default=3, ge=1)
    budget_s: float = Field(default=7 * 86_400, gt=0)
    cool_down_s: float = Field(default=3_600, gt=0)


@dataclass(frozen=True, kw_only=True)
class Notice:
    """What somebody who acts must know of an alert; the `key` is the same for the same occurrence."""

    rule: str
    key: str
    state: Literal["firing", "resolved"]
    summary: str = ""
    muted_by: tuple[str, ...] = ()


class Responder:
    """Takes notices and acts by the rules; `log` remembers across restarts, so that nothing is done twice.

    `tell` is called with each entry but for beginnings.

    Raises MonitoringError for two actions of one name.
    """

    def __init__(
        self,
        rules: Sequence[Rule],
        actions: Iterable[Action],
        log: ActionLog,
        *,
        restraints: Mapping[ActionName, Restraint] | None = None,
        tell: Callable[[Entry], None] = lambda _entry: None,
    ) -> None:
        self.log, self._tell = log, tell
        self._actions: dict[ActionName, Action] = {}
        for action in actions:
            if action.name in self._actions:
                raise MonitoringError(f"there are two actions called {action.name!r}. Give one.")
            self._actions[action.name] = action
        self._rules = {rule.name: rule for rule in rules}
        self._restraints = dict(restraints or {})

    def take(self, notice: Notice, *, now: datetime) -> Entry | None:
        """Act on one alert, or end what it began once it is over; returns the last entry made, None for none.

        The same notice may come again and again: what was done is not done again, what was held back is tried again.
        """
        rule, taken = self._rules.get(notice.rule), None
        for action in rule.actions if rule is not None else ():
            taken = self._try(action, notice, now) or taken
            if notice.state == "firing" and self._ended(action, notice.key) not in ("failed", "nothing to do"):
                break
        return taken

    def _try(self, action: ActionName, notice: Notice, now: datetime) -> Entry | None:
        with self.log.held():
            entries = self.log.entries()
            mine = [each for each in entries if each.about == notice.key and each.action == action]
            if notice.state == "resolved":
                return self._over(action, mine)
            if notice.muted_by or any(each.outcome in ("done", "nothing to do") for each in mine):
                return None
            held_back = self._held_back(action, entries, now)
            if held_back:
                return self._hold(action, notice, mine, held_back)
            reason = f"{notice.rule}: {notice.summary}"
            begun = self.log.add(action=action, outcome="begun", by=ROBOT, reason=reason, about=notice.key)
        # Not under the lock: a training takes minutes, and manual mode must not wait for it.
        return self._finish(begun)

    def _ended(self, action: ActionName, about: str) -> str | None:
        """How the last try ended that was not held back; None when there was none."""
        mine = [each for each in self.log.entries() if each.about == about and each.action == action]
        return next((each.outcome for each in reversed(mine) if each.outcome != "held back"), None)

    def do(self, action: ActionName, *, by: str, reason: str) -> Entry:
        """What a person wants done, whatever the restraints; raises MonitoringError without a reason."""
        if not reason.strip():
            raise MonitoringError(f"{action} needs a reason, for those who read the log later.")
        if action not in self._actions:
            raise MonitoringError(f"nobody gave this monitor a way to {action}. It has {', '.join(self._actions)}.")
        return self._finish(self.log.add(action=action, outcome="begun", by=by, reason=reason))

    def undo(self, number: int, *, by: str, reason: str) -> Entry:
        """Put back what an entry did; raises MonitoringError when it did nothing, was undone, or cannot be undone."""
        with self.log.held():
            entries = self.log.entries()
            found = next((each for each in entries if each.number == number), None)
            if found is None or found.outcome != "done":
                raise MonitoringError(
                    f"entry {number} of {self.log.path} is {found.outcome if found else 'not there'}; undone can be "
                    "what was done. The log lists its numbers."
                )
            if any(each.refers_to == number and each.outcome == "undone" for each in entries):
                raise MonitoringError(f"entry {number} was undone already.")
            return self._undo(found, by=by, reason=reason)

    def _over(self, name: ActionName, mine: Sequence[Entry]) -> Entry | None:
        action = self._actions.get(name)
        done = [each for each in mine if each.outcome == "done"]
        if action is None or not action.ends_itself or not done or any(each.outcome == "undone" for each in mine):
            return None
        try:
            return self._undo(done[-1], by=ROBOT, reason="the alert is over")
        except LibError:
            # Somebody ended it before, or began it anew: theirs to end.
            return None

    def _held_back(self, name: ActionName, entries: Sequence[Entry], now: datetime) -> str:
        """Why the action must not be begun now, empty when it may."""
        if name not in self._actions:
            return f"nobody gave this monitor a way to {name}"
        limits = self._restraints.get(name, Restraint())
        begun = [each.at for each in entries if each.action == name and each.outcome == "begun"]
        if begun and now - begun[-1] < timedelta(seconds=limits.cool_down_s):
            return f"cool-down: the last one began at {begun[-1]:%Y-%m-%d %H:%M} UTC"
        recent = [at for at in begun if now - at < timedelta(seconds=limits.budget_s)]
        if len(recent) >= limits.budget:
            return f"budget: {len(recent)} since {recent[0]:%Y-%m-%d %H:%M} UTC, and {limits.budget} are allowed"
        return ""

    def _hold(self, name: ActionName, notice: Notice, mine: Sequence[Entry], why: str) -> Entry | None:
        if mine and (mine[-1].outcome == "begun" or mine[-1].said == why):
            return None  # it is under way, or was told
        reason = f"{notice.rule}: {notice.summary}"
        return self._log(action=name, outcome="held back", by=ROBOT, reason=reason, about=notice.key, said=why)

    def _finish(self, begun: Entry) -> Entry:
        known = {
            "action": begun.action, "by": begun.by, "reason": begun.reason, "about": begun.about,
            "refers_to": begun.number,
        }  # fmt: skip
        try:
            done = self._actions[begun.action].do(by=begun.by, reason=begun.reason)
        except LibError as error:
            return self._log(outcome="failed", said=str(error), **known)
        except Exception as error:
            self._log(outcome="failed", said=repr(error), **known)
            raise
        outcome = "done" if done.changed else "nothing to do"
        return self._log(outcome=outcome, said=done.said, before=done.before, **known)

    def _undo(self, entry: Entry, *, by: str, reason: str) -> Entry:
        said = self._actions[entry.action].undo(entry.before or {}, by=by, reason=reason)
        return self._log(
            action=entry.action, outcome="undone", by=by, reason=reason, about=entry.about, said=said,
            refers_to=entry.number,
        )  # fmt: skip

    def _log(self, **fields: Any) -> Entry:
        entry = self.log.add(**fields)
        self._tell(entry)
        return entry


def noticed(alerts: Iterable[Alert]) -> list[Notice]:
    """Of alerts evaluated here: those that fire, and those that are over."""
    return [
        Notice(rule=each.rule.name, key=each.key, state=each.state, summary=each.summary, muted_by=each.muted_by)
        for each in alerts
        if each.state != "pending"
    ]


def received(message: Mapping[str, Any]) -> list[Notice]:
    """Of Alertmanager's webhook message; what it keeps silent is not in it. Raises MonitoringError for another form."""
    try:
        return [
            Notice(
                rule=each["labels"]["alertname"],
                key=f"{each['fingerprint']}@{each['startsAt']}",
                state="firing" if each["status"] == "firing" else "resolved",
                summary=each["annotations"].get("summary", ""),
            )
            for each in message["alerts"]
        ]
    except (KeyError, TypeError, AttributeError) as error:
        raise MonitoringError(f"this is no message of Alertmanager's webhook: {error!r} came up.") from error
