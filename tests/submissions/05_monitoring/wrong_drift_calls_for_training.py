# Trains when the inputs drift, whether or not that harms anybody.
# loses: code, results

# %% id="code-action"
def action(firing, due):
    """What to do: "nothing", "quarantine", "manual", "fall back" or "retrain"."""
    if "BrokenRows" in firing:
        return "manual"
    if "ModelWorse" not in firing:
        return "retrain" if "InputsDrifted" in firing else "nothing"
    known = due.dropna()
    ratio = known[["predicted", "stable"]].div(known["sold_for"], axis=0)
    if ((ratio > FAR) | (ratio < 1 / FAR)).all(axis=1).mean() > TENTH:
        return "quarantine"
    miss = (ratio - 1).abs().clip(upper=1).mean()
    return "fall back" if miss["stable"] < CLEARLY * miss["predicted"] else "retrain"


# %% id="results-monitor"
RULES = {
    "BrokenRows": {"metric": "broken", "rows": "asked", "least": 20, "above": 0.3, "for": 2, "calm": 2},
    "InputsDrifted": {"metric": "drift", "rows": "arrived", "least": 20, "above": 0.2, "for": 2, "calm": 2},
    "ModelWorse": {"metric": "low", "rows": "labels", "least": 15, "above": 1.3, "for": 3, "calm": 3},
}


def monitor(windows, due):
    """The word of this morning."""
    firing = [name for name, rule in RULES.items() if alerts(rule, windows)[-1] == "firing"]
    return action(firing, due)
