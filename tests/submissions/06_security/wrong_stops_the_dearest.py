# Over the budget of a usual day, the job that costs most is stopped.
# loses: results

# %% id="results-desk"
def desk(morning):
    """The orders of this morning."""
    orders = []
    log = morning["log"]
    twice = (log.groupby(["key", "hour"])["network"].nunique() > 1).groupby("key").sum()
    orders += [["rotate", key] for key in twice[twice >= 2].index]
    newest = max(version["version"] for version in morning["versions"] if fine(version, morning))
    if newest != morning["answers"]:
        orders.append(["serve", newest])
    personal = {found.column for found in scan_frame(morning["features"]) if found.by == "content"}
    orders += [["withdraw", column] for column in sorted(personal)]
    costs = morning["costs"]
    if costs["usd"].sum() > 250:
        orders.append(["stop", costs["job"][costs["usd"].idxmax()]])
    return orders


def fine(version, morning):
    """Whether a version may answer today."""
    try:
        load_verified(version["files"], version["model"], version["version"], morning["signers"])
    except ValueError:
        return False
    return not broken_rules(version, morning["exceptions"], morning["today"])
