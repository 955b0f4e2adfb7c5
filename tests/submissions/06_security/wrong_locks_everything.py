# Safe is what is locked.
# loses: results

# %% id="results-desk"
def desk(morning):
    """The orders of this morning."""
    orders = []
    orders += [["rotate", key] for key in morning["log"]["key"].unique()] + [["serve", 1]]
    orders += [["withdraw", column] for column in morning["features"]]
    orders += [["stop", job] for job in USUAL]
    return orders
