# An auction lasts two days.
# loses: results

# %% id="results-monitor"
RULES = {
    "BrokenRows": {"metric": "broken", "rows": "asked", "least": 20, "above": 0.3, "for": 2, "calm": 2},
    "ModelWorse": {"metric": "low", "rows": "labels", "least": 15, "above": 1.3, "for": 2, "calm": 3},
}


def monitor(windows, due):
    """The word of this morning."""
    firing = [name for name, rule in RULES.items() if alerts(rule, windows)[-1] == "firing"]
    return action(firing, due)
