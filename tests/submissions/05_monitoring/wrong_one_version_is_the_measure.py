# Sets the labels aside when the model alone is far off: a release in thousands is then the registry's fault.
# loses: code
# may lose: results

# %% id="code-action"
def action(firing, due):
    """What to do: "nothing", "quarantine", "manual", "fall back" or "retrain"."""
    if "BrokenRows" in firing:
        return "manual"
    if "ModelWorse" not in firing:
        return "nothing"
    known = due.dropna()
    ratio = known[["predicted", "stable"]].div(known["sold_for"], axis=0)
    if ((ratio > FAR) | (ratio < 1 / FAR))["predicted"].mean() > TENTH:
        return "quarantine"
    miss = (ratio - 1).abs().clip(upper=1).mean()
    return "fall back" if miss["stable"] < CLEARLY * miss["predicted"] else "retrain"
