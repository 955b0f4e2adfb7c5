"""Whether a new version may have more clients, judged by what those had who got it."""

from __future__ import annotations

import math
from typing import Literal

from lib.delivery.running import Running, VersionState
from lib.delivery.wanted import Canary, CanaryStep, Part

LEAST_MS = 10.0
"""Means are compared from here on: below it, whole milliseconds and a busy machine say more than the model does."""


class Judgement(Part):
    """`good` lets it go on, `bad` takes it back, `wait` needs more requests; the reason is in words either way."""

    verdict: Literal["good", "bad", "wait"]
    reason: str


def requests_needed(failing: float, *, confidence: float = 0.95) -> int:
    """How many requests a canary must have so that a version that fails the share `failing` of them is seen failing.

    Seen at least once with the probability `confidence`: the smallest n with (1 - failing)^n <= 1 - confidence.

    >>> requests_needed(0.02), requests_needed(0.001)
    (149, 2995)
    """
    if not (0 < failing < 1 and 0 < confidence < 1):
        raise ValueError(f"failing={failing} and confidence={confidence} must lie between 0 and 1, both excluded.")
    return math.ceil(math.log(1 - confidence) / math.log(1 - failing))


def judge(canary: Canary, step: CanaryStep, running: Running, *, new: int, old: int | None) -> Judgement:
    """Hold what clients saw of `new` at this step against the budgets, and against what they saw of `old` meanwhile.

    Bad as soon as it has failed more often than it may in all of the step's requests; good only after all of those.
    """
    seen = running.of(new)
    before = VersionState(version=0, ready=0, addresses=()) if old is None else running.of(old)
    allowed = math.floor(canary.failures * max(step.requests, seen.requests))
    words = f"of {seen.requests} requests at {step.share:.0%}, version {new} failed {seen.failed}"
    if seen.failed > allowed:
        theirs = f"; version {old} failed {before.failed} of {before.requests}" if old is not None else ""
        return Judgement(verdict="bad", reason=f"{words}, and {allowed} may fail{theirs}")
    if seen.ended:
        return Judgement(verdict="bad", reason=f"{words}, and {seen.ended} of its replicas ended while it served")
    if seen.requests < step.requests:
        if running.age_s > canary.patience_s:
            return Judgement(
                verdict="bad",
                reason=f"{words}, and {step.requests} are needed to judge it; {canary.patience_s:g} s were not enough",
            )
        return Judgement(verdict="wait", reason=f"{words}; {step.requests} are needed to judge it")
    return _compare(canary, seen, before, words, old)


def _compare(canary: Canary, seen: VersionState, before: VersionState, words: str, old: int | None) -> Judgement:
    refused, refused_before = _share(seen), _share(before)
    if refused > refused_before + canary.refusals:
        reason = f"{words} and refused {refused:.1%}, where version {old} refused {refused_before:.1%}"
        return Judgement(verdict="bad", reason=reason)
    if seen.mean_ms is not None and before.mean_ms is not None:
        limit = canary.slower * max(before.mean_ms, LEAST_MS)
        if seen.mean_ms > limit:
            reason = (
                f"{words}, and answered in {seen.mean_ms:.0f} ms on average; version {old} took "
                f"{before.mean_ms:.0f} ms, and {limit:.0f} ms are allowed"
            )
            return Judgement(verdict="bad", reason=reason)
    return Judgement(verdict="good", reason=words)


def _share(seen: VersionState) -> float:
    return seen.refused / seen.requests if seen.requests else 0.0
