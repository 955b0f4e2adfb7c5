"""The policy: which rules a version has to keep, declared in a file, with exceptions that end.

The same rules run as gates of a promotion, as a command, and, those that need no model, in continuous integration.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, model_validator

from lib.errors import PolicyError
from lib.governance.policy_checks import CHECKS, OF_THE_ENVIRONMENT
from lib.governance.provenance import signed_by
from lib.registry import Contender, Evidence, Gate
from lib.registry.contender import contender, run_gates
from lib.registry.stores import open_stores
from lib.settings import Settings

DECLARED = Path(__file__).with_name("policy.toml")
Clock = Callable[[], date]
Name = Annotated[str, Field(min_length=1)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Rule(_Frozen):
    """One thing that has to hold; a rule that only warns is written down and stops nothing."""

    id: Name
    check: Name
    severity: Literal["block", "warn"]
    why: Name
    options: dict[str, JsonValue] = {}

    @model_validator(mode="after")
    def _known(self) -> Rule:
        if self.check not in CHECKS:
            raise ValueError(f"no check is named {self.check!r}; there are {', '.join(CHECKS)}")
        CHECKS[self.check].model_validate(self.options)
        return self


class PolicyException(_Frozen):
    """Leave to break one rule, until the end of the day `until`; granted by a person, for a reason."""

    rule: Name
    model: Name
    version: int | None = None
    granted_by: Name
    reason: Annotated[str, Field(min_length=10)]
    until: date

    def covers(self, rule: Rule, candidate: Contender) -> bool:
        """Whether it is about this rule and this version, ended or not."""
        return (self.rule, self.model) == (rule.id, candidate.name) and self.version in (None, candidate.version)

    def __str__(self) -> str:
        return f"an exception by {self.granted_by} until {self.until}: {self.reason}"


class Policy(_Frozen):
    """Rules, each with an id of its own, and the exceptions to them."""

    rules: tuple[Rule, ...]
    exceptions: tuple[PolicyException, ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Policy:
        ids = [rule.id for rule in self.rules]
        if len(set(ids)) < len(ids):
            raise ValueError("two rules have the same id")
        if strange := [each.rule for each in self.exceptions if each.rule not in ids]:
            raise ValueError(f"an exception is to {strange[0]!r}, which is no rule; there are {', '.join(ids)}")
        return self


def read_policy(path: Path = DECLARED) -> Policy:
    """The policy in a TOML file; raises PolicyError naming what is wrong in it."""
    try:
        return Policy.model_validate(tomllib.loads(path.read_text("utf-8")))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise PolicyError(f"the policy {path} cannot be read: {error}. Nothing is promoted without it.") from error
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, each['loc'])) or 'policy'}: {each['msg']}" for each in error.errors())
        raise PolicyError(f"{path}: {faults}. Nothing is promoted until that is put right.") from error


def today() -> date:
    """The date in UTC, by which exceptions end."""
    return datetime.now(UTC).date()


def policy_gates(policy: Policy, *, clock: Clock = today) -> list[Gate]:
    """The rules as gates for `lib.registry.promote`, each under its id; when one is asked decides what has ended."""
    return [_gate(rule, policy, clock) for rule in policy.rules]


def check_version(
    policy: Policy, name: str, version: int, *, settings: Settings, clock: Clock = today
) -> tuple[Evidence, ...]:
    """What every rule finds about a version, without moving it; raises UnknownVersion."""
    with open_stores(settings) as stores:
        candidate = contender(stores, stores.about(name, version), admit=signed_by(stores.settings))
        return run_gates(policy_gates(policy, clock=clock), candidate, None)


def check_environment(policy: Policy, *, clock: Clock = today) -> Iterator[Evidence]:
    """What the rules find that are about the packages here and not about a model, and exceptions that have ended."""
    for rule in policy.rules:
        if rule.check in OF_THE_ENVIRONMENT:
            yield _judged(rule, OF_THE_ENVIRONMENT[rule.check].model_validate(rule.options).look())
    for each in policy.exceptions:
        ended = each.until < clock()
        reason = f"{each} has ended; take it out of the policy" if ended else str(each)
        yield Evidence(id=f"exception to {each.rule}", passed=not ended, reason=reason)


def _gate(rule: Rule, policy: Policy, clock: Clock) -> Gate:
    def gate(candidate: Contender, champion: Contender | None) -> Evidence:
        found = _judged(rule, CHECKS[rule.check].model_validate(rule.options).look_at(candidate, champion))
        if found.passed:
            return found
        covering = [each for each in policy.exceptions if each.covers(rule, candidate)]
        if granted := next((each for each in covering if clock() <= each.until), None):
            return found.model_copy(update={"passed": True, "reason": f"{granted} ({found.reason})"})
        ended = "".join(f"; {each} has ended" for each in covering)
        return found.model_copy(update={"reason": f"{found.reason}{ended}"})

    gate.__name__ = rule.id
    return gate


def _judged(rule: Rule, found: Evidence) -> Evidence:
    """Under the rule's id; what only warns passes, and says so."""
    if found.passed:
        return found.model_copy(update={"id": rule.id})
    warns = rule.severity == "warn"
    reason = f"{'warning: ' if warns else ''}{found.reason}. {rule.why}"
    return found.model_copy(update={"id": rule.id, "passed": warns, "reason": reason})


def describe(policy: Policy) -> Iterator[str]:
    """A line a rule, and one an exception."""
    for rule in policy.rules:
        options = ", ".join(f"{key} {value}" for key, value in rule.options.items())
        yield f"{rule.id:18}{rule.severity:7}{rule.why}{f' ({options})' if options else ''}"
    for each in policy.exceptions:
        version = "" if each.version is None else f" {each.version}"
        yield f"except {each.model}{version} from {each.rule}: {each}"


def plain(found: Evidence) -> str:
    """One finding in a line."""
    return f"{'passed' if found.passed else 'FAILED'}  {found.id:22}{found.reason}"
