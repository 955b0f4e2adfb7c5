"""The tabletop incident: its timeline is played against the real rules, the real switch and the real log."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from lib.monitoring.actions import ManualMode, Retrain
from lib.monitoring.audit import ActionLog
from lib.monitoring.catalogue import RULES
from lib.monitoring.evaluate import Evaluator
from lib.monitoring.figures import Figures
from lib.monitoring.manual import Switch
from lib.monitoring.respond import Responder, noticed
from lib.monitoring.rules import RUNBOOKS
from lib.monitoring.samples import Samples
from lib.monitoring.watch import readings
from lib.settings import Settings

PAGE = (RUNBOOKS / "tabletop.md").read_text("utf-8")
ROWS = re.findall(r"^\| (\d\d:\d\d) \| (.+?) \| (.+?) \| (.+?) \|$", PAGE, re.MULTILINE)


def _at(time: str) -> datetime:
    hour, minute = map(int, time.split(":"))
    return datetime(2026, 3, 2, hour, minute, tzinfo=UTC)


def _show(figures: Figures, injected: str, at: datetime) -> None:
    """What a monitor would tell of what came in."""
    (bad,) = re.findall(r"bad rows ([\d.]+)", injected)
    ((low, labels),) = re.findall(r"error at least ([\d,]+) EUR of (\d+) labels", injected)
    low_eur = float(low.replace(",", ""))
    figures.show_bad_rows(float(bad))
    figures.show_error(
        "houses", 3, rmse_eur=1.1 * low_eur, low_eur=low_eur, high_eur=1.2 * low_eur, reference_eur=50_000,
        labels=int(labels), coverage=0.8,
    )  # fmt: skip
    figures.show_concept("houses", 3, detected="concept drift" in injected)
    figures.ran(at)


def test_the_timeline_is_what_happens(tmp_path):
    """At each line the alerts and actions of the page, no other, and nothing is ever trained."""
    assert len(ROWS) == 7
    figures, samples, evaluator = Figures(), Samples(), Evaluator(RULES)
    now = [_at("00:00")]
    switch, trained = Switch(tmp_path / "manual.json"), []
    log = ActionLog(tmp_path / "actions.jsonl", clock=lambda: now[0])
    actions = [ManualMode(switch, clock=lambda: now[0]), Retrain(trained.append, "houses", Settings())]
    responder = Responder(RULES, actions, log)
    for time, injected, expected, people in ROWS:
        now[0] = at = _at(time)
        _show(figures, injected, at)
        samples.scrape(at.timestamp(), readings(figures.collect()), job="monitor")
        changed = evaluator.evaluate(samples, at)
        said = [f"{alert.rule.name} {alert.state}" for alert in changed if alert.state != "pending"]
        said += [f"{alert.rule.name} muted" for alert in changed if alert.state == "firing" and alert.muted_by]
        for notice in noticed([*changed, *evaluator.active]):
            entry = responder.take(notice, now=at)
            said += [] if entry is None else [f"{entry.action} {entry.outcome}"]
        wanted = [] if expected in ("quiet", "nothing new") else expected.split(", ")
        assert sorted(said) == sorted(wanted), time
        told = [alert.rule for alert in changed if alert.state == "firing" and not alert.muted_by]
        assert ("is paged, once" in people) == ([rule.severity for rule in told] == ["page"]), time
        assert (switch.read() is not None) == ("06:15" <= time < "08:10")
    assert trained == []
