# Right, by another road: pandas for the log and the bill, a lambda for the rules, other limits.

# %% id="code-policy"
def broken_rules(version, exceptions, today):
    """The rules that stop a version today, in the order of RULES."""
    good = lambda each: (
        each["model"] == version["model"]
        and each["version"] == version["version"]
        and each["granted_by"] is not None
        and each["granted_by"] != version["author"]
        and each["until"] is not None
        and each["granted_on"] <= today
        and each["until"] >= today
        and each["until"] - each["granted_on"] <= timedelta(days=LONGEST_DAYS)
    )
    excused = [each["rule"] for each in filter(good, exceptions) if RULES[each["rule"]]["excusable"]]
    kept = [rule for rule, passed in version["found"].items() if passed]
    return [rule for rule in RULES if RULES[rule]["severity"] == "block" and rule not in kept + excused]


# %% id="results-desk"
def desk(morning):
    """The orders of this morning."""
    pairs = morning["log"].query("answered")[["key", "hour", "network"]].drop_duplicates()
    shared = pairs[pairs.duplicated(["key", "hour"])].drop_duplicates(["key", "hour"])["key"].value_counts()
    orders = [["rotate", key] for key, hours in shared.items() if hours > 1]
    orders += [
        [
            "serve",
            max((each for each in morning["versions"] if released(each, **morning)), key=lambda each: each["version"])[
                "version"
            ],
        ]
    ]
    found = pd.DataFrame([vars(each) for each in scan_frame(morning["features"])], columns=["column", "by"])
    orders += [["withdraw", column] for column in found.query("by == 'content'")["column"].unique()]
    costs = morning["costs"].merge(pd.Series(morning["usual"], name="usual"), left_on="job", right_index=True)
    orders += [["stop", job] for job in costs.query("usd - usual * done / 1000 > 80")["job"]]
    return orders


def released(version, *, signers, exceptions, today, **_):
    """Whether a version may answer."""
    try:
        load_verified(version["files"], version["model"], version["version"], signers)
        return len(broken_rules(version, exceptions, today)) == 0
    except ValueError:
        return False
