# A panel that always says 0.
# loses: code

# %% id="code-grafana-panel"
panel = {
    "type": "timeseries",
    "title": "Rows answered by manual mode",
    "fieldConfig": {"defaults": {"unit": "percentunit"}},
    "targets": [
        {
            "refId": "A",
            "expr": "vector(0)",
            "legendFormat": "by hand",
        }
    ],
}
