"""What a watched quarter came to: each look, each release, what was true all along, and the sums that count."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta

from lib.market import Truth
from lib.monitoring.catalogue import LEAST_LABELS
from lib.monitoring.compare import Frozen
from lib.monitoring.estimate import LATELY
from lib.monitoring.monitor import Look
from lib.monitoring.objectives import ACCURACY
from lib.monitoring.performance import Interval

ABOUT_MODEL = ("ModelErrorSevere", "ModelErrorHigh", "ConceptDrift")
ABOUT_ERROR = ("ModelErrorSevere", "ModelErrorHigh")
_KINDS = {"ConceptDrift": "concept", "DataDrift": "data", "LabelsMissing": "labels"}
HARM = 1.08
"""As the rules have it: from there on an error is worth an alert."""


class Release(Frozen):
    """A version that answers from the morning of `day` on, and how it came there."""

    day: date
    version: int
    said: str


class Answered(Frozen):
    """The answers of a version on a day, held against what the houses sold for in the end; `near` ones within 20 %.

    Only of houses that did sell before the market's end. Version 0 is the rule of manual mode.
    """

    day: date
    version: int
    n: int
    rmse: float
    near: int


class Guess(Frozen):
    """What the answers of the week before `day` were held to err without their labels."""

    day: date
    version: int
    estimated: Interval


class Raised(Frozen):
    """An alert that fired, until it was over (None: it fires still), and whether there was what it is about."""

    rule: str
    summary: str
    fired: datetime
    resolved: datetime | None
    muted: bool
    justified: bool


class Record(Frozen):
    """JSON in and out. The truth is the market's: nothing that was done could see it.

    `unwatched` is what would have been guessed before the quarter began, and `unacted` what the version that the story
    began with would have erred on the same houses, had nothing been done.
    """

    story: str
    starts: date
    ends: date
    truth: Truth
    broken: tuple[date, date] | None
    looks: tuple[Look, ...]
    releases: tuple[Release, ...]
    answered: tuple[Answered, ...]
    unwatched: tuple[Guess, ...] = ()
    unacted: tuple[Answered, ...] = ()

    @property
    def guesses(self) -> list[Guess]:
        """Week by week before the quarter, then look by look."""
        told = [
            Guess(day=look.at.date(), version=look.version, estimated=look.estimated)
            for look in self.looks
            if look.estimated is not None and look.version is not None
        ]
        return [*self.unwatched, *told]

    @property
    def before(self) -> float:
        """The error of the answers before anything moved, or in the first 28 days: their mean, in EUR."""
        first = self.answered[0].day
        until = min(self.truth.starts or self.ends, first + timedelta(days=28))
        calm = [each for each in self.answered if each.day < until] or list(self.answered[:7])
        return mean(calm)

    def harmed(self, day: date) -> bool:
        """Whether the answers of the four weeks before `day` were in truth worse than an alert allows."""
        lately = [each for each in self.answered if each.version and day - timedelta(days=28) <= each.day < day]
        return bool(lately) and mean(lately) > HARM * self.before

    def _near(self, day: date) -> float:
        """Which share of the answers of the twelve weeks before `day`, whose sales come in by then, was near enough."""
        lately = [each for each in self.answered if each.version and day - timedelta(days=84) <= each.day < day]
        return sum(each.near for each in lately) / max(sum(each.n for each in lately), 1)

    def raised(self) -> list[Raised]:
        """Each alert that fired, oldest first."""
        begun, over = {}, {}
        for look in self.looks:
            for change in look.changes:
                if change.state == "firing":
                    begun[change.key] = (look.at, change)
                elif change.state == "resolved":
                    over[change.key] = look.at
        return [
            Raised(
                rule=change.rule, summary=change.summary, fired=at, resolved=over.get(key),
                muted=bool(change.muted_by), justified=self._justified(change.rule, at.date()),
            )
            for key, (at, change) in begun.items()
        ]  # fmt: skip

    def well_since(self) -> date | None:
        """The day from which on no alert about the model fires any more, with enough labels to say so; None if none."""
        about = [each for each in self.raised() if each.rule in ABOUT_MODEL]
        last = max((each.resolved.date() if each.resolved else self.ends for each in about), default=self.starts)
        told = [look.at.date() for look in self.looks if look.labels >= LEAST_LABELS and look.at.date() >= last]
        return min(told, default=None)

    def weeks(self) -> list[tuple[Answered, ...]]:
        """Seven days each, one beginning with every day, on which a model answered sound requests."""
        broken = self.broken or (self.ends, self.ends)
        days = [each for each in self.answered if each.version and not broken[0] <= each.day < broken[1]]
        return [tuple(days[place : place + 7]) for place in range(len(days) - 6)]

    def _justified(self, rule: str, day: date) -> bool:
        """Whether there was what the rule is about; the market's kind of move is the one that it names."""
        moved = self.truth.starts is not None and self.truth.starts <= day
        if rule == "DataBroken":
            days = self.broken or (self.truth.starts, self.ends)
            broken = self.broken is not None or self.truth.kind == "schema"
            return broken and days[0] is not None and days[0] <= day <= days[1] + timedelta(days=1)
        if rule in ABOUT_ERROR:
            return self.harmed(day)
        if rule == "AccuracyBudgetLeaking":
            return self._near(day) < ACCURACY.target
        return moved and _KINDS.get(rule) == self.truth.kind

    def lines(self) -> Iterator[str]:
        """The quarter in a few sentences for a terminal."""
        raised = self.raised()
        when = "" if self.truth.starts is None else f"from {self.truth.starts} ({self._day(self.truth.starts)}) on. "
        yield f"in truth: {when}{self.truth.note}"
        if self.broken is not None:
            yield f"in truth: from {self._day(self.broken[0])} to {self._day(self.broken[1])} the feed is broken."
        happened = [*self._told_alerts(raised), *self._told_actions(), *self._told_releases()]
        for day, text in sorted(dict.fromkeys(happened), key=lambda each: each[0]):
            yield f"{day} {self._day(day):>8}  {text}"
        yield from self._told_estimate()
        yield self._sum(raised)

    def misled(self) -> tuple[Guess, float] | None:
        """Where the truth lay furthest above an estimate without labels and its interval; and the truth, in EUR.

        That is the error of the same version's answers of the same seven days.
        """
        found = [(guess, truth) for guess in self.guesses if (truth := self._erred(guess)) > guess.estimated.high]
        return max(found, key=lambda each: each[1] / each[0].estimated.value, default=None)

    def _erred(self, guess: Guess) -> float:
        day, version = guess.day, guess.version
        return mean([each for each in self.answered if day - LATELY <= each.day < day and each.version == version])

    def _told_alerts(self, raised: Sequence[Raised]) -> Iterator[tuple[date, str]]:
        for alert in raised:
            muted = " (muted)" if alert.muted else ""
            false = "" if alert.justified else "  FALSE ALARM"
            yield alert.fired.date(), f"{alert.rule} fires{muted}: {alert.summary}{false}"
            if alert.resolved is not None:
                yield alert.resolved.date(), f"{alert.rule} is over"

    def _told_actions(self) -> Iterator[tuple[date, str]]:
        for look in self.looks:
            for entry in look.entries:
                yield look.at.date(), f"{entry.action}, {entry.outcome}: {entry.said}"

    def _told_releases(self) -> Iterator[tuple[date, str]]:
        for release in self.releases:
            yield release.day, f"version {release.version} answers: {release.said}"

    def _told_estimate(self) -> Iterator[str]:
        """Where it was sure of itself and wrong."""
        misled = self.misled()
        if misled is not None:
            (guess, truth), found = misled, misled[0].estimated
            yield (
                f"Without labels, the week's answers were held to err {found.low:,.0f} to {found.high:,.0f} EUR on "
                f"{guess.day} ({self._day(guess.day)}), and in truth they erred {truth:,.0f}: that estimate assumes "
                "that houses like these still cost what they did."
            )

    def _sum(self, raised: Sequence[Raised]) -> str:
        false = sum(not alert.justified for alert in raised)
        weeks = [mean(week) for week in self.weeks()]
        found = f"{len(raised)} alerts, {false} of them false. "
        if any(each.rule in ABOUT_MODEL for each in raised):
            well = self.well_since()
            found += f"Well again by its own rules from {self._day(well)} on. " if well else "Not well by the end. "
        return found + (
            f"In truth the error was {self.before:,.0f} EUR before, {max(weeks):,.0f} in the worst week and "
            f"{weeks[-1]:,.0f} in the last."
            if weeks else "The story is too short to say how large the error was in truth."
        )  # fmt: skip

    def _day(self, day: date) -> str:
        return f"day {(day - self.starts).days}"


def mean(days: Sequence[Answered]) -> float:
    """Root mean square over all answers of these days."""
    rows = sum(each.n for each in days)
    return float((sum(each.n * each.rmse**2 for each in days) / rows) ** 0.5) if rows else 0.0
