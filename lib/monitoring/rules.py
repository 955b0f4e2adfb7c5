"""An alert rule as it is declared, once: evaluated here, and written out for Prometheus and Alertmanager."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Formatter
from typing import Literal

from lib.errors import MonitoringError
from lib.monitoring.query import Query

Severity = Literal["page", "ticket"]
ActionName = Literal["retrain", "fall back", "manual"]
RUNBOOKS = Path(__file__).parent / "runbooks"
# How Prometheus' templates write a value, and the same here.
_STYLES: dict[str, tuple[str, Callable[[float], str]]] = {
    "percent": ("{{ $value | humanizePercentage }}", lambda value: f"{_go(value * 100, '.4g')}%"),
    "number": ('{{ $value | printf "%.3g" }}', lambda value: _go(value, ".3g")),
    "whole": ('{{ $value | printf "%.0f" }}', lambda value: _go(value, ".0f")),
    "bytes": ("{{ $value | humanize1024 }}B", lambda value: f"{_binary(value)}B"),
    "duration": ("{{ $value | humanizeDuration }}", lambda value: f"{_lasting(value)}s"),
}


@dataclass(frozen=True, kw_only=True)
class Rule:
    """Fires for each combination of labels that `when` has had a value for during `for_s` seconds without a break.

    It then keeps firing until there has been none for `keep_firing_s` seconds. A `page` wakes somebody up, a `ticket`
    waits for the morning. `summary` may hold labels and the value: `{feature} at {value:percent}` (or `:number`,
    `:whole`, `:bytes`, `:duration`). `action` is what may be done without asking, and `otherwise` what may be when that
    failed or found nothing to do. While the rule fires, those that it `mutes` tell nobody and start nothing, for it is
    the cause of them.
    Raises MonitoringError for a name or a summary that could not be written out.
    """

    name: str
    when: Query
    severity: Severity
    summary: str
    for_s: float = 0.0
    keep_firing_s: float = 0.0
    action: ActionName | None = None
    otherwise: ActionName | None = None
    mutes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Z][A-Za-z0-9]*", self.name):
            raise MonitoringError(f"an alert is not called {self.name!r}. Write words in one: ModelErrorHigh.")
        for name, style in _fields(self.summary):
            if name == "value" and style not in _STYLES:
                styles = ", ".join(f"{{value:{style}}}" for style in _STYLES)
                raise MonitoringError(f"{self.name} writes its value as {style!r}. Use one of {styles}.")

    @property
    def actions(self) -> tuple[ActionName, ...]:
        """What may be done without asking, in the order in which it is tried."""
        return tuple(each for each in (self.action, self.otherwise) if each is not None)

    @property
    def runbook(self) -> Path:
        """The page that says what to do."""
        return RUNBOOKS / f"{self.name}.md"

    def said(self, labels: Mapping[str, str], value: float) -> str:
        """The summary of one alert."""
        return "".join(
            text + ("" if name is None else _shown(name, style or "", labels, value))
            for text, name, style, _ in Formatter().parse(self.summary)
        )

    def template(self) -> str:
        """The summary as Prometheus fills it in."""
        return "".join(
            text + ("" if name is None else _template(name, style or ""))
            for text, name, style, _ in Formatter().parse(self.summary)
        )


def require_sound(rules: Sequence[Rule]) -> None:
    """Raises MonitoringError for two rules of one name, and for one that mutes itself or a rule that is not there."""
    names = [rule.name for rule in rules]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise MonitoringError(f"there are several rules called {', '.join(twice)}. Give each its own name.")
    for rule in rules:
        for muted in rule.mutes:
            if muted not in names or muted == rule.name:
                raise MonitoringError(f"{rule.name} mutes {muted}, which is no other rule. Mend its name.")


def _fields(summary: str) -> list[tuple[str, str]]:
    return [(name, style or "") for _, name, style, _ in Formatter().parse(summary) if name is not None]


def _shown(name: str, style: str, labels: Mapping[str, str], value: float) -> str:
    return _STYLES[style][1](value) if name == "value" else labels.get(name, "")


def _template(name: str, style: str) -> str:
    return _STYLES[style][0] if name == "value" else f"{{{{ $labels.{name} }}}}"


def _go(value: float, style: str) -> str:
    """A number as Go's fmt writes it."""
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return f"{value:{style}}"


def _binary(value: float) -> str:
    power = 0
    while abs(value) >= 1024 and power < 6:
        value, power = value / 1024, power + 1
    return f"{_go(value, '.4g')}{('', 'ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei')[power]}"


def _lasting(seconds: float) -> str:
    """Days, hours and minutes as far as there are any, then the number of seconds."""
    if not 60 <= seconds < math.inf:
        return _go(seconds, ".4g")
    minutes, left = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [(days, "d "), (hours, "h "), (minutes, "m ")]
    first = next(number for number, (count, _) in enumerate(parts) if count)
    return "".join(f"{count}{unit}" for count, unit in parts[first:]) + str(left)
