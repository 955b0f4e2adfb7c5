# Right, by another road: a bootstrap over a table by house, and the trigger in pandas.

# %% id="code-trigger"
def reason_to_train(state, today):
    """The first word that holds: "decay", "new data" and "schedule" start a training, the others do not."""
    batches = pd.DataFrame(state["batches"])
    batches["ago"] = [(today - day).days for day in batches["day"]]
    ago = sorted((today - day).days for day in state["trainings"])
    week = batches.loc[batches["ago"].between(0, 6), ["bad", "rows"]].sum()
    sound = batches[(batches["ago"] <= ago[0]) & ~(batches["bad"] > BAD * batches["rows"])]
    valid = int((sound["rows"] - sound["bad"]).sum())
    table = state["predictions"]
    due = table.loc[table["age_days"] >= DUE_DAYS]
    miss = (due["predicted"] / due["sold_for"]).sub(1).abs().dropna()
    proof = len(miss) >= LEAST_LABELS and len(miss) / len(due) >= COVERAGE
    lower = miss.mean() - 1.96 * miss.sem()
    words = {
        "bad data": week["bad"] > BAD * week["rows"],
        "cool-down": ago[0] < COOL_DOWN,
        "budget": sum(days < BUDGET_DAYS for days in ago) >= BUDGET,
        "nothing": valid < LEAST_ROWS,
        "decay": proof and lower > state["reference"] * DECAY,
        "new data": valid >= ENOUGH_ROWS,
        "schedule": ago[0] >= EVERY,
    }
    return next((word for word, holds in words.items() if holds), "nothing")


# %% id="code-compare"
def compare(sales, challenger, champion):
    """The challenger against the champion on common unseen rows: {"rows": …, "gain": …, "low": …, "wins": …}."""
    price = sales.set_index("house")["sold_for"]
    new, old = (model["answers"].set_index("house")["answer"] for model in (challenger, champion))
    known = set(challenger["trained_on"]) | set(champion["trained_on"])
    common = [house for house in price.index if house in new.index and house in old.index and house not in known]
    if not common:
        return {"rows": 0, "gain": float("nan"), "low": float("nan"), "wins": False}
    nearer = ((old - price).abs() - (new - price).abs()).loc[common].to_numpy()
    draws = np.random.default_rng(0).choice(nearer, (2_000, len(nearer))).mean(axis=1)
    low = float(np.quantile(draws, 0.025))
    return {"rows": len(common), "gain": float(nearer.mean()), "low": low, "wins": low > 0 and len(common) >= LEAST}
