"""Who is told, how often, and what stays silent: Alertmanager's configuration, made from the same rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from lib.monitoring.query import duration
from lib.monitoring.rules import Rule, require_sound


class Routing(BaseModel):
    """How alerts travel, in seconds; `webhook` is told of all that fires and of all that is over.

    Alerts of one rule are one message: the first waits `group_wait_s` for others, later ones `group_interval_s`. What
    still fires is told again after `repeat_page_s` or `repeat_ticket_s`. `token_file` holds the bearer token that the
    webhook wants to see.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    webhook: str | None = Field(default=None, pattern=r"^https?://\S+$")
    token_file: str | None = None
    group_wait_s: float = Field(default=30, gt=0)
    group_interval_s: float = Field(default=300, gt=0)
    repeat_page_s: float = Field(default=3_600, gt=0)
    repeat_ticket_s: float = Field(default=12 * 3_600, gt=0)


def configuration(rules: Sequence[Rule], routing: Routing | None = None) -> dict[str, Any]:
    """Two receivers, one for what wakes somebody up; a rule that fires silences those that it mutes."""
    require_sound(rules)
    routing = routing or Routing()
    return {
        "route": {
            "receiver": "tickets",
            "group_by": ["alertname"],
            "group_wait": duration(routing.group_wait_s),
            "group_interval": duration(routing.group_interval_s),
            "repeat_interval": duration(routing.repeat_ticket_s),
            "routes": [
                {
                    "matchers": ['severity="page"'],
                    "receiver": "on-call",
                    "repeat_interval": duration(routing.repeat_page_s),
                }
            ],
        },
        "receivers": [{"name": name, **_told(routing)} for name in ("tickets", "on-call")],
        "inhibit_rules": [_silenced(rule) for rule in rules if rule.mutes],
    }


def _told(routing: Routing) -> Mapping[str, Any]:
    if routing.webhook is None:
        return {}
    hook: dict[str, Any] = {"url": routing.webhook, "send_resolved": True}
    if routing.token_file is not None:
        hook["http_config"] = {"authorization": {"credentials_file": routing.token_file}}
    return {"webhook_configs": [hook]}


def _silenced(rule: Rule) -> dict[str, Any]:
    return {
        "source_matchers": [f'alertname="{rule.name}"'],
        "target_matchers": [f'alertname=~"{"|".join(rule.mutes)}"'],
    }
