# Right, by another road: everything as joins of tables; what comes back are numpy's own numbers.

# %% id="code-least-privilege"
def least_privilege(grants, members, log, duties):
    """By role what it should keep, and who would still hold two rights that nobody may hold together."""
    has = pd.DataFrame([(role, right) for role in grants for right in grants[role]], columns=["role", "right"])
    days = log.query("answer == 'allowed'").drop_duplicates(["role", "right", "day"]).value_counts(["role", "right"])
    due = pd.DataFrame(duties, columns=["role", "right"]).drop_duplicates().assign(due=True)
    has = has.merge(days.rename("days").reset_index(), how="left").merge(due, how="left")
    kept = has[has["days"].ge(HABIT) | has["due"].eq(True)]
    people = pd.DataFrame(
        [(person, role) for person in members for role in members[person]], columns=["person", "role"]
    )
    held = people.merge(kept, on="role").groupby("person")["right"].agg(set)
    conflicts = [[person, *pair] for pair in FOUR_EYES for person, rights in held.items() if set(pair) <= rights]
    return {
        "keep": {role: frozenset(kept.loc[kept["role"] == role, "right"]) for role in grants},
        "conflicts": conflicts,
    }


# %% id="code-reidentify"
def named(published, register, by):
    """For each row of `published` the one owner that it can belong to, else None."""
    owners = register.groupby(by)["owner"].agg(["nunique", "first"]).reset_index()
    only = owners.loc[owners["nunique"] == 1, [*by, "first"]]
    found = published[by].merge(only, on=by, how="left")["first"]
    return [None if pd.isna(owner) else owner for owner in found]


def numbers(hashed, salt):
    """For each hash the phone number behind it, else None."""
    every = pd.Series([f"{prefix}{digits:03d}" for prefix in PREFIXES for digits in range(1000)])
    table = pd.Series(every.to_list(), index=[hashlib.sha256((salt + each).encode()).hexdigest() for each in every])
    return [table.get(digest) for digest in hashed]


# %% id="code-cost-report"
def cost_report(work, bill):
    """The bill by phase and by version in whole cents, idle apart, and USD for 1,000 predictions of each version."""
    if work["core_hours"].sum() > bill["core_hours"]:
        raise ValueError("more core-hours were used than paid for")
    own = work[work["version"].ne(SHARED)]
    spent = round(bill["cents"] * work["core_hours"].sum() / bill["core_hours"])

    def amounts(hours):
        ends = (hours.cumsum() / hours.sum() * spent).round().astype(int)
        return ends.diff().fillna(ends.iloc[0]).astype(int)

    made = own.groupby("version")["predictions"].sum()
    shared = work["core_hours"].sum() - own["core_hours"].sum()
    cents = amounts(own.groupby("version")["core_hours"].sum().add(made.div(made.sum()).mul(shared)))
    prices = (cents / 100) / (made / 1000).where(made > 0)
    return {
        "idle": np.int64(bill["cents"] - spent),
        "by_phase": {
            name: value
            for name, value in zip(
                sorted(set(work["phase"])), amounts(work.groupby("phase")["core_hours"].sum()).to_numpy()
            )
        },
        "by_version": {name: np.int64(value) for name, value in cents.items()},
        "per_thousand": {name: None if np.isnan(price) else np.float64(price) for name, price in prices.items()},
    }


def break_even(server, batch):
    """The least number of requests a month for which a server costs less than a nightly batch; None if there is none."""
    costs = server["usd_an_hour"] * HOURS
    starts = batch["usd_a_start"] * NIGHTS
    if starts > costs:
        return 0
    requests = math.ceil((costs - starts) * 1000 / batch["usd_per_thousand"])
    if requests > server["capacity"]:
        return None
    return requests
