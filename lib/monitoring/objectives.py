"""What is promised, how much may go wrong, and how fast that is being used up.

Source: "Alerting on SLOs" in Google's Site Reliability Workbook: its windows, and what each may spend.
"""

from __future__ import annotations

from dataclasses import dataclass

from lib.errors import MonitoringError
from lib.monitoring.query import Both, Increase, OrZero, Over, Query, Rate, Ratio, Scaled, Series, Together
from lib.monitoring.rules import Rule, Severity

HOUR_S = 3600.0
DAY_S = 24 * HOUR_S
WINDOW_S = 30 * DAY_S
"""Over which a promise is kept or broken."""
_PREDICTING = {"path": "~/predict|/invocations|/v2/models/.*"}


@dataclass(frozen=True, kw_only=True)
class Burn:
    """Alarming is a pace that spends the share `spends` of the budget within `long_s`.

    The last `short_s` must be as bad, so that the alert ends soon after the trouble does.
    """

    called: str
    severity: Severity
    spends: float
    long_s: float
    short_s: float

    @property
    def rate(self) -> float:
        """How many times faster than even spending that is.

        >>> Burn(called="Burning", severity="page", spends=0.02, long_s=HOUR_S, short_s=300).rate
        14.4
        """
        return self.spends * WINDOW_S / self.long_s


FAST = Burn(called="Burning", severity="page", spends=0.02, long_s=HOUR_S, short_s=300.0)
SLOW = Burn(called="Leaking", severity="ticket", spends=0.10, long_s=3 * DAY_S, short_s=6 * HOUR_S)
LATE = Burn(called="Leaking", severity="ticket", spends=0.25, long_s=7 * DAY_S, short_s=2 * DAY_S)
"""For events that are judged once a day: no shorter window is sure to hold any."""


@dataclass(frozen=True, kw_only=True)
class Objective:
    """Of all events, the share `target` is good over 30 days; either the `good` ones are counted, or the `bad` ones.

    Fewer than `least` events in a window say nothing. Raises MonitoringError for a target that leaves no budget or
    nothing to promise, and unless exactly one of `good` and `bad` is given.
    """

    name: str
    promise: str
    target: float
    events: Series
    good: Series | None = None
    bad: Series | None = None
    least: int = 100
    burns: tuple[Burn, ...] = (FAST, SLOW)

    def __post_init__(self) -> None:
        if not 0 < self.target < 1:
            raise MonitoringError(
                f"{self.name} promises {self.target:.2%}. Promise more than 0 and less than all: without a budget, "
                "nothing may ever change."
            )
        if (self.good is None) == (self.bad is None):
            raise MonitoringError(f"{self.name} must count either good or bad events. Give one of the two.")

    @property
    def budget(self) -> float:
        """The share of events that may be bad.

        >>> round(AVAILABILITY.budget, 6), round(AVAILABILITY.budget * 1_000_000)
        (0.005, 5000)
        """
        return 1 - self.target

    def bad_share(self, window_s: float) -> Query:
        """The share of bad events in a window."""
        if self.bad is not None:
            return Ratio(OrZero(_rate(self.bad, window_s)), _rate(self.events, window_s))
        if self.good is None:
            raise MonitoringError(f"{self.name} counts neither good nor bad events. Give one of the two.")
        return Scaled(Ratio(_rate(self.good, window_s), _rate(self.events, window_s)), -1, 1)

    def burn_rate(self, window_s: float) -> Query:
        """1 spends the budget evenly over 30 days; 30 spends it in one."""
        return Scaled(self.bad_share(window_s), 1 / self.budget)

    def budget_left(self) -> Query:
        """The share of the budget that is left of the last 30 days; below 0 the promise is broken."""
        return Scaled(self.bad_share(WINDOW_S), -1 / self.budget, 1)

    def rules(self) -> tuple[Rule, ...]:
        """An alert for each of `burns`."""
        return tuple(self._rule(burn) for burn in self.burns)

    def _rule(self, burn: Burn) -> Rule:
        limit = burn.rate * self.budget
        enough = Over(Together("sum", Increase(self.events, burn.long_s)), self.least)
        lately = Over(self.bad_share(burn.short_s), limit)
        return Rule(
            name=f"{self.name}Budget{burn.called}",
            when=Both(Both(Over(self.bad_share(burn.long_s), limit), lately), enough),
            severity=burn.severity,
            summary=f"{{value:percent}} of the events break the promise that {self.promise}; the budget of "
            f"{self.budget:.3g} goes more than {burn.rate:.3g} times as fast as it lasts.",
        )


def _rate(series: Series, window_s: float) -> Query:
    return Together("sum", Rate(series, window_s))


AVAILABILITY = Objective(
    name="Availability",
    promise="99.5 % of the predictions asked for are answered",
    target=0.995,
    events=Series("serving_requests_total", _PREDICTING),
    bad=Series("serving_requests_total", {**_PREDICTING, "status": "~5.."}),
)
LATENCY = Objective(
    name="Latency",
    promise="99 % of the predictions come within 250 ms",
    target=0.99,
    events=Series("serving_request_duration_seconds_count", _PREDICTING),
    good=Series("serving_request_duration_seconds_bucket", {**_PREDICTING, "le": "0.25"}),
)
ACCURACY = Objective(
    name="Accuracy",
    promise="9 of 10 predictions lie within 20 % of the price that was paid",
    target=0.9,
    events=Series("monitoring_judged_total"),
    good=Series("monitoring_judged_within_total"),
    burns=(LATE,),
)
OBJECTIVES = (AVAILABILITY, LATENCY, ACCURACY)
