# At the slightest doubt the very first version answers.
# loses: results

# %% id="results-desk"
def desk(morning):
    """The orders of this morning."""
    orders = []
    log = morning["log"]
    twice = (log.groupby(["key", "hour"])["network"].nunique() > 1).groupby("key").sum()
    orders += [["rotate", key] for key in twice[twice >= 2].index]
    newest = max(version["version"] for version in morning["versions"])
    good = all(fine(version, morning) for version in morning["versions"])
    orders.append(["serve", newest if good else 1])
    personal = {found.column for found in scan_frame(morning["features"]) if found.by == "content"}
    orders += [["withdraw", column] for column in sorted(personal)]
    costs = morning["costs"]
    over = costs["usd"] - costs["job"].map(morning["usual"]) * costs["done"] / 1_000
    orders += [["stop", job] for job in costs["job"][over > SPARE_USD]]
    return orders


def fine(version, morning):
    """Whether a version may answer today."""
    try:
        load_verified(version["files"], version["model"], version["version"], morning["signers"])
    except ValueError:
        return False
    return not broken_rules(version, morning["exceptions"], morning["today"])
