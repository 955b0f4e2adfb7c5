"""Write what watches the system in assets/container: rules, routing and boards; `make assets` calls this."""

from __future__ import annotations

import json
from pathlib import Path

from lib.monitoring.alertmanager import Routing, configuration
from lib.monitoring.catalogue import GROUPS, RULES
from lib.monitoring.dashboards import dashboard
from lib.monitoring.panels import BOARDS
from lib.monitoring.prometheus_rules import as_yaml, rule_file

FOLDER = Path(__file__).parent / "container"
HEADER = "Written by `make assets` from lib/monitoring/{source}: change it there.\n{about}"
RULES_ABOUT = "What is an alert, and how long it must last. prometheus.yaml beside this folder says what is measured."
ROUTING_ABOUT = (
    "Who is told: the monitor beside the server, which acts by the rules. People read Alertmanager's own page, until\n"
    "you give the receivers your mail server or chat, too."
)
TOKEN = "/run/secrets/alerts_token"  # noqa: S105  a file's name
ROUTING = Routing(webhook="http://monitor:9109/alerts", token_file=TOKEN)


def files() -> dict[Path, str]:
    """Each file and its text."""
    rules = as_yaml(rule_file(GROUPS), header=HEADER.format(source="catalogue.py", about=RULES_ABOUT))
    routing = as_yaml(
        configuration(RULES, ROUTING), header=HEADER.format(source="alertmanager.py", about=ROUTING_ABOUT)
    )
    boards = {
        FOLDER / f"grafana/dashboards/{board.name}.json": json.dumps(dashboard(board), indent=1) + "\n"
        for board in BOARDS
    }
    return {
        FOLDER / "prometheus/rules/alerts.yaml": rules,
        FOLDER / "alertmanager/alertmanager.yaml": routing,
        **boards,
    }


if __name__ == "__main__":
    for path, text in files().items():
        path.write_text(text, encoding="utf-8")
        print(path)
