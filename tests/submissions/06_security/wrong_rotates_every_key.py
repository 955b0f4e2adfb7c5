# Fresh keys for everybody, each morning.
# loses: results

# %% id="results-desk"
def desk(morning):
    """The orders of this morning."""
    orders = []
    orders += [["rotate", key] for key in morning["log"]["key"].unique()]
    newest = max(version["version"] for version in morning["versions"] if fine(version, morning))
    if newest != morning["answers"]:
        orders.append(["serve", newest])
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
