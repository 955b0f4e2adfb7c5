# Shows a share as if it were a percentage.
# loses: code

# %% id="code-grafana-panel"
ROWS_ANSWERED = "serving_predictions_total"
panel = {
    "type": "timeseries",
    "title": "Rows answered by manual mode",
    "fieldConfig": {"defaults": {"unit": "percent"}},
    "targets": [
        {
            "refId": "A",
            "expr": f'(sum(rate({ROWS_ANSWERED}{{model_version="0"}}[10m])) or vector(0)) / sum(rate({ROWS_ANSWERED}[10m]))',
            "legendFormat": "by hand",
        }
    ],
}
