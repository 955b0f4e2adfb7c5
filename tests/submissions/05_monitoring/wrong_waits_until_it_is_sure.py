# Waits for ten bad windows: no false alarm, and a fortnight of wrong prices.
# loses: results

# %% id="results-monitor"
RULES = {
    "BrokenRows": {"metric": "broken", "rows": "asked", "least": 20, "above": 0.3, "for": 7, "calm": 2},
    "ModelWorse": {"metric": "low", "rows": "labels", "least": 15, "above": 1.3, "for": 10, "calm": 3},
}


def monitor(windows, due):
    """The word of this morning."""
    firing = [name for name, rule in RULES.items() if alerts(rule, windows)[-1] == "firing"]
    return action(firing, due)
