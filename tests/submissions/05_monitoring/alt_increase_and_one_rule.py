# Right, by another road: increases in place of rates, one rule for rows and one for the model in a loop of its own, a slower hand.

# %% id="code-grafana-panel"
panel = dict(type="timeseries", title="Answered by hand")
panel["fieldConfig"] = {"defaults": {"unit": "percentunit"}}
panel["targets"] = [
    {
        "refId": "A",
        "expr": """sum(increase(serving_predictions_total{model_version=~"0"}[10m]))
                   / sum(increase(serving_predictions_total{job="server"}[10m])) or vector(0)""",
        "legendFormat": "by hand",
    }
]

# %% id="results-monitor"
RULES = {"for_rows": 0.4, "for_model": 1.4}


def monitor(windows, due):
    """The word of this morning."""
    broken = [window["broken"] for window in windows if window["asked"] > 9][-2:]
    judged_lately = [window["low"] for window in windows if window["labels"] >= 12]
    if len(broken) == 2 and min(broken) > RULES["for_rows"]:
        return "manual"
    if len(judged_lately) >= 3 and min(judged_lately[-3:]) > RULES["for_model"]:
        return action(["ModelWorse"], due)
    return "nothing"
