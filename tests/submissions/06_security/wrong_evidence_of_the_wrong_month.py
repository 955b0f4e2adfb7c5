# Takes the bill and the table from the tasks above, which no letter asks about.
# loses: report

# %% id="report-evidence"
grants, by = quarter["grants"], ["ward", "area_m2", "day"]
keep = least_privilege(grants, MEMBERS, quarter["log"], quarter["duties"])["keep"]
who = named(published, register, by)
month = cost_report(work, bill)
evidence = {
    "rights_gone": sum(len(set(grants[role]) - set(keep[role])) for role in grants),
    "named": sum(person is not None for person in who) / len(who),
    "stopped_by": broken_rules(quarter["version"], quarter["exceptions"], quarter["today"]),
    "idle": month["idle"] / bill["cents"],
    "per_thousand": month["per_thousand"]["v3"],
    "thief_days": len(my_days["you"]["keys"]["harm"]),
}
