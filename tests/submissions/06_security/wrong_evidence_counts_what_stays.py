# Counts the rights that stay, and the thieves of the desk that does nothing.
# loses: report

# %% id="report-evidence"
grants, by = quarter["grants"], ["ward", "area_m2", "day"]
keep = least_privilege(grants, MEMBERS, quarter["log"], quarter["duties"])["keep"]
who = named(quarter["published"], quarter["register"], by)
month = cost_report(quarter["work"], quarter["bill"])
evidence = {
    "rights_gone": sum(len(keep[role]) for role in grants),
    "named": sum(person is not None for person in who) / len(who),
    "stopped_by": broken_rules(quarter["version"], quarter["exceptions"], quarter["today"]),
    "idle": month["idle"] / quarter["bill"]["cents"],
    "per_thousand": month["per_thousand"]["v3"],
    "thief_days": len(my_days["does nothing"]["keys"]["harm"]),
}
