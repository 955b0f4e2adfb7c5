"""The five roles and what each may: casbin decides by `access_policy.csv`, and what stands nowhere is refused."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from pathlib import Path

from lib.errors import AccessError

MODEL = Path(__file__).with_name("access_model.conf")
POLICY = Path(__file__).with_name("access_policy.csv")


def may(roles: Iterable[str], permission: str) -> bool:
    """Whether one of `roles` has a permission such as "predictions:ask"; an unknown role or permission has none.

    >>> may({"learner"}, "predictions:ask"), may({"learner"}, "models:release"), may({"root"}, "predictions:ask")
    (True, False, False)
    """
    table = decisions()
    return any(permission in table.get(role, ()) for role in roles)


def permissions() -> frozenset[str]:
    """Every permission that some role has."""
    return frozenset().union(*decisions().values())


def require_roles(names: Iterable[str]) -> frozenset[str]:
    """The names as a set; raises AccessError for one that is no role."""
    chosen = frozenset(names)
    unknown = sorted(chosen - set(decisions()))
    if unknown:
        raise AccessError(f"no role is named {', '.join(unknown)}. The roles are {', '.join(decisions())}.")
    return chosen


@functools.cache
def decisions() -> dict[str, frozenset[str]]:
    """By role, in the order of the policy, the permissions that casbin grants it.

    It is asked about every role and permission once: it evaluates its matcher for each line of the policy anew, which
    takes longer than a prediction, and the policy of a process never changes.
    """
    from casbin import Enforcer

    enforcer = Enforcer(str(MODEL), str(POLICY))
    policy = enforcer.get_policy()
    asked = sorted({(thing, action) for _role, thing, action in policy})
    return {
        role: frozenset(f"{thing}:{action}" for thing, action in asked if enforcer.enforce(role, thing, action))
        for role in dict.fromkeys(role for role, *_ in policy)
    }
