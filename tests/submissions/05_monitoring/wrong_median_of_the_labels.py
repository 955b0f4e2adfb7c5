# Looks at the typical label: a fifth of them in another unit passes.
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
    typical = ratio.median()
    if ((typical > FAR) | (typical < 1 / FAR)).all():
        return "quarantine"
    miss = (ratio - 1).abs().clip(upper=1).mean()
    return "fall back" if miss["stable"] < CLEARLY * miss["predicted"] else "retrain"
