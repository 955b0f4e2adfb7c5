# Takes the panel that lib draws: rows a second, of each version.
# loses: code

# %% id="code-grafana-panel"
from lib.monitoring.panels import SERVICE

_rows = next(each for each in SERVICE.panels if each.title == "Rows")
panel = {
    "type": "timeseries",
    "title": _rows.title,
    "fieldConfig": {"defaults": {"unit": "percentunit"}},
    "targets": [{"refId": "A", "expr": _rows.curves[0].query.promql(), "legendFormat": "rows"}],
}
