# Gives the orders that were right at home, on the days on which they were.
# loses: results

# %% id="results-desk"
KNOWN = None


def desk(morning):
    """The orders of this morning."""
    global KNOWN
    if KNOWN is None:
        KNOWN = two_weeks(np.random.default_rng(SEED))
    day = (morning["today"] - MONDAY).days
    serve = newest_fine(KNOWN["registry"]["versions"], day)
    there = [version["version"] for version in morning["versions"]]
    orders = [["serve", serve]] if serve in there else []
    orders += [["stop", job] for job, (first, _) in KNOWN["spikes"].items() if first == day - 1]
    for name, column in KNOWN["new"].items():
        if column["personal"] and column["from"] == day and name in morning["features"]:
            orders.append(["withdraw", name])
    log = morning["log"]
    robbed = [name for name, days in KNOWN["thieves"].items() if min(days) == day - 1]
    return orders + [["rotate", key] for key in log["key"][log["person"].isin(robbed)].unique()]
