# Compares the scores that the two were registered with.
# loses: code, results
# may lose: report

# %% id="code-compare"
def compare(sales, challenger, champion):
    """The challenger against the champion on common unseen rows: {"rows": …, "gain": …, "low": …, "wins": …}."""
    rows = sales[~sales["house"].isin([*challenger["trained_on"], *champion["trained_on"]])]
    for name, model in (("new", challenger), ("old", champion)):
        rows = rows.merge(model["answers"].rename(columns={"answer": name}), on="house")
    nearer = (rows["old"] - rows["sold_for"]).abs() - (rows["new"] - rows["sold_for"]).abs()
    low = nearer.mean() - 1.96 * nearer.std() / max(1, len(rows)) ** 0.5
    wins = challenger["score"] < champion["score"]
    return {"rows": len(rows), "gain": float(nearer.mean()), "low": float(low), "wins": wins}
