# Starts the batch once a month.
# loses: code
# may lose: report

# %% id="code-cost-report"
def cost_report(work, bill):
    """The bill by phase and by version in whole cents, idle apart, and USD for 1,000 predictions of each version."""

    def split(cents, weights):
        ends = np.rint(cents * np.cumsum([0, *weights]) / sum(weights)).astype(int)
        return np.diff(ends).tolist()

    phases = work.groupby("phase")["core_hours"].sum()
    versions = work[work["version"] != SHARED].groupby("version")[["core_hours", "predictions"]].sum()
    used, made = phases.sum(), versions["predictions"]
    if used > bill["core_hours"]:
        raise ValueError(f"{used} core-hours were used of {bill['core_hours']} that were paid for: measure again")
    idle, spent = split(bill["cents"], [bill["core_hours"] - used, used])
    carried = versions["core_hours"] + (used - versions["core_hours"].sum()) * made / made.sum()
    by_version = dict(zip(versions.index, split(spent, carried), strict=True))
    return {
        "idle": idle,
        "by_phase": dict(zip(phases.index, split(spent, phases), strict=True)),
        "by_version": by_version,
        "per_thousand": {name: 10 * cents / made[name] if made[name] else None for name, cents in by_version.items()},
    }


def break_even(server, batch):
    """The least number of requests a month for which a server costs less than a nightly batch; None if there is none."""
    left = HOURS * server["usd_an_hour"] - batch["usd_a_start"]
    requests = max(math.floor(left / batch["usd_per_thousand"] * 1_000) + 1, 0)
    return requests if requests <= server["capacity"] else None
