# Leaves the panel empty while nothing happens.
# loses: code

# %% id="code-grafana-panel"
ROWS_ANSWERED = "serving_predictions_total"
panel = {
    "type": "timeseries",
    "title": "Rows answered by manual mode",
    "fieldConfig": {"defaults": {"unit": "percentunit"}},
    "targets": [
        {
            "refId": "A",
            "expr": f'sum(rate({ROWS_ANSWERED}{{model_version="0"}}[10m])) / sum(rate({ROWS_ANSWERED}[10m]))',
            "legendFormat": "by hand",
        }
    ],
}
