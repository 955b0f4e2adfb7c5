# Right, by another road: a percentage, all but the versions that are models, and a 0 for the whole.

# %% id="code-grafana-panel"
rows = "rate(serving_predictions_total%s[10m])"
panel = {
    "id": 7,
    "type": "timeseries",
    "title": "Manual mode, share of rows",
    "datasource": {"type": "prometheus", "uid": "prometheus"},
    "fieldConfig": {"defaults": {"unit": "percent"}, "overrides": []},
    "targets": [
        {"refId": "A", "expr": "100 - 100 * sum(" + rows % "{model_version!='0'}" + ") / sum(" + rows % "" + ")"},
    ],
}
