# Divides what was counted since the start: a restart and all of yesterday are in it.
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
            "expr": f'(sum({ROWS_ANSWERED}{{model_version="0"}}) or vector(0)) / sum({ROWS_ANSWERED})',
            "legendFormat": "by hand",
        }
    ],
}
