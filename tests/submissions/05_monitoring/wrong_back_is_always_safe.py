# Goes back to the old version whatever the matter is.
# loses: code, results

# %% id="code-action"
def action(firing, due):
    """What to do: "nothing", "quarantine", "manual", "fall back" or "retrain"."""
    if "BrokenRows" in firing:
        return "manual"
    return "fall back" if "ModelWorse" in firing else "nothing"
