# Sets the limit so high that only other units pass it.
# loses: results

# %% id="results-monitor"
RULES = {
    "BrokenRows": {"metric": "broken", "rows": "asked", "least": 20, "above": 0.3, "for": 2, "calm": 2},
    "ModelWorse": {"metric": "low", "rows": "labels", "least": 15, "above": 4.0, "for": 3, "calm": 3},
}


def monitor(windows, due):
    """The word of this morning."""
    firing = [name for name, rule in RULES.items() if alerts(rule, windows)[-1] == "firing"]
    return action(firing, due)
