"""The boards as Grafana takes them: JSON made by Grafana's own builders, for its line 11."""

from __future__ import annotations

import json
from typing import Any

from lib.monitoring.panels import Board, Panel, Unit

DATASOURCE = "prometheus"
"""The uid under which assets/container provisions Prometheus in Grafana."""
_UNITS: dict[Unit, str] = {
    "a second": "cps", "seconds": "s", "share": "percentunit", "EUR": "currencyEUR", "bytes": "bytes",
    "cores": "short", "number": "short",
}  # fmt: skip
_WIDTH, _HEIGHT = 8, 7
_GOOD, _BAD = "green", "red"


def dashboard(board: Board, *, datasource: str = DATASOURCE) -> dict[str, Any]:
    """One board as Grafana's JSON; the same board gives the same JSON."""
    from grafana_foundation_sdk.builders.dashboard import Dashboard
    from grafana_foundation_sdk.cog.encoder import JSONEncoder

    made = (
        Dashboard(board.title)
        .uid(f"mlops-{board.name}")
        .tags(["mlops"])
        .time("now-1h", "now")
        .refresh("15s")
        .timezone("browser")
        .readonly()
    )
    for number, panel in enumerate(board.panels, 1):
        made = made.with_panel(_panel(panel, datasource).id(number))
    found: dict[str, Any] = json.loads(JSONEncoder(sort_keys=True).encode(made.build()))
    return found


def _panel(panel: Panel, datasource: str) -> Any:
    from grafana_foundation_sdk.builders.prometheus import Dataquery
    from grafana_foundation_sdk.builders.timeseries import Panel as Timeseries
    from grafana_foundation_sdk.models.dashboard import DataSourceRef

    source = DataSourceRef(type_val="prometheus", uid=datasource)
    made = (
        Timeseries()
        .title(panel.title)
        .description(panel.about)
        .unit(_UNITS[panel.unit])
        .datasource(source)
        .span(_WIDTH)
        .height(_HEIGHT)
    )
    for number, curve in enumerate(panel.curves):
        name = curve.name.replace("{", "{{").replace("}", "}}")
        query = Dataquery().expr(curve.query.promql()).legend_format(name).ref_id(chr(ord("A") + number))
        made = made.with_target(query.datasource(source))
    return made if panel.limit is None else _limited(made, panel.limit, below=panel.below)


def _limited(made: Any, limit: float, *, below: bool) -> Any:
    """With a line at the limit, and the bad side of it in another colour."""
    from grafana_foundation_sdk.builders.common import GraphThresholdsStyleConfig
    from grafana_foundation_sdk.builders.dashboard import ThresholdsConfig
    from grafana_foundation_sdk.models.common import GraphThresholdsStyleMode
    from grafana_foundation_sdk.models.dashboard import Threshold, ThresholdsMode

    first, then = (_BAD, _GOOD) if below else (_GOOD, _BAD)
    steps = [Threshold(value=None, color=first), Threshold(value=limit, color=then)]
    style = GraphThresholdsStyleConfig().mode(GraphThresholdsStyleMode.LINE)
    return made.thresholds(ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps)).thresholds_style(style)
