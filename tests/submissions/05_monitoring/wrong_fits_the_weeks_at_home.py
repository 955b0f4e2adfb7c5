# Takes for its limits the worst that the calm part of the visible weeks has shown, and nothing to spare.
# loses: results

# %% id="results-monitor"
RULES = {
    "BrokenRows": {"metric": "broken", "rows": "asked", "least": 1, "above": 0.11, "for": 1, "calm": 1},
    "ModelWorse": {"metric": "low", "rows": "labels", "least": 1, "above": 1.05, "for": 1, "calm": 1},
}


def monitor(windows, due):
    """The word of this morning."""
    firing = [name for name, rule in RULES.items() if alerts(rule, windows)[-1] == "firing"]
    return action(firing, due)
