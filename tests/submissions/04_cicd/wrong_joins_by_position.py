# Takes the answers in the order in which they lie there.
# loses: code, results
# may lose: report

# %% id="code-compare"
def compare(sales, challenger, champion):
    """The challenger against the champion on common unseen rows: {"rows": …, "gain": …, "low": …, "wins": …}."""
    unseen = ~sales["house"].isin([*challenger["trained_on"], *champion["trained_on"]]).to_numpy()
    n = min(len(sales), len(challenger["answers"]), len(champion["answers"]))
    price = sales["sold_for"].to_numpy()[:n]
    new, old = (np.abs(model["answers"]["answer"].to_numpy()[:n] - price) for model in (challenger, champion))
    nearer = (old - new)[unseen[:n]]
    low = nearer.mean() - 1.96 * nearer.std() / max(1, len(nearer)) ** 0.5
    wins = bool(len(nearer) >= LEAST and low > 0)
    return {"rows": len(nearer), "gain": float(nearer.mean()), "low": float(low), "wins": wins}
