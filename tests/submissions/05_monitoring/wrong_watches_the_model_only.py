# Has no rule for broken rows: they never reach the model.
# loses: results

# %% id="results-monitor"
RULES = {
    "ModelWorse": {"metric": "low", "rows": "labels", "least": 15, "above": 1.3, "for": 3, "calm": 3},
}


def monitor(windows, due):
    """The word of this morning."""
    firing = [name for name, rule in RULES.items() if alerts(rule, windows)[-1] == "firing"]
    return action(firing, due)
