"""The rules as Prometheus takes them, and the configuration that scrapes what they read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lib.monitoring.query import duration
from lib.monitoring.rules import RUNBOOKS, Rule, require_sound

PAGES = "http://127.0.0.1:8000/runbooks"
"""Where the server of the lab shows them."""


def rule_file(groups: Mapping[str, Sequence[Rule]], *, pages: str = PAGES) -> dict[str, Any]:
    """A file of rules by group; each alert links to its page under `pages`, and names it for when that is down."""
    require_sound([rule for rules in groups.values() for rule in rules])
    return {
        "groups": [{"name": name, "rules": [_rule(rule, pages) for rule in rules]} for name, rules in groups.items()]
    }


def said(rule: Rule, *, pages: str = PAGES) -> dict[str, str]:
    """What an alert says: its summary as a template, and where its runbook is."""
    return {
        "summary": rule.template(),
        "runbook": f"lib/monitoring/{RUNBOOKS.name}/{rule.runbook.name}",
        "runbook_url": f"{pages}/{rule.name}",
    }


def routed_by(rule: Rule) -> dict[str, str]:
    """What an alert is routed by."""
    return {"severity": rule.severity, **({"action": rule.action} if rule.action else {})}


def as_yaml(document: Mapping[str, Any], *, header: str = "") -> str:
    """The document as a file, with `header` as its first lines of comment."""
    import yaml

    comment = "".join(f"# {line}\n" for line in header.splitlines())
    return comment + yaml.safe_dump(dict(document), sort_keys=False, width=120, allow_unicode=True)


def _rule(rule: Rule, pages: str) -> dict[str, Any]:
    timing = {"for": rule.for_s, "keep_firing_for": rule.keep_firing_s}
    return {
        "alert": rule.name,
        "expr": rule.when.promql(),
        **{name: duration(seconds) for name, seconds in timing.items() if seconds},
        "labels": routed_by(rule),
        "annotations": said(rule, pages=pages),
    }
