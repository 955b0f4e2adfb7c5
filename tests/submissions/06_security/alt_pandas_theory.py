# Right, by another road: pandas and numpy.

# %% id="theory-k"
def theory_k(rows, columns, least):
    """The k of the table, and how many rows must go until each group has `least`."""
    sizes = pd.DataFrame(rows).value_counts(columns)
    return int(sizes.min()), int(sizes[sizes < least].sum())


# %% id="theory-copy"
def theory_copy(answers, requests_a_minute, rows_a_request, rows_an_hour):
    """Hours with one account, and accounts for a day."""
    limits = [requests_a_minute * rows_a_request * 60, math.inf if rows_an_hour is None else rows_an_hour]
    hours = answers / np.min(limits)
    return float(hours), int(np.ceil(hours / 24))


# %% id="theory-cost"
def theory_cost(cores, hours, price, used, predictions):
    """Idle cost; 1,000 predictions with everything; 1,000 by what serving used. In USD."""
    cost = pd.Series(used) * price / 3_600
    paid = cores * hours * price
    return float(paid - cost.sum()), paid / predictions * 1_000, float(cost["serve"]) / predictions * 1_000


# %% id="report-evidence"
kept = least_privilege(quarter["grants"], MEMBERS, quarter["log"], quarter["duties"])["keep"]
who = pd.Series(named(quarter["published"], quarter["register"], ["ward", "area_m2", "day"]), dtype=object)
report = cost_report(quarter["work"], quarter["bill"])
evidence = {
    "rights_gone": sum(map(len, quarter["grants"].values())) - sum(map(len, kept.values())),
    "named": float(who.notna().mean()),
    "stopped_by": broken_rules(quarter["version"], quarter["exceptions"], quarter["today"]),
    "idle": report["idle"] / (report["idle"] + sum(report["by_version"].values())),
    "per_thousand": report["per_thousand"]["v3"],
    "thief_days": len(my_days["you"]["keys"]["harm"]),
}
