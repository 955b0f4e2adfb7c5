# Counts lines of the log, not days.
# loses: code
# may lose: report

# %% id="code-least-privilege"
def least_privilege(grants, members, log, duties):
    """By role what it should keep, and who would still hold two rights that nobody may hold together."""
    days = log[log["answer"] == "allowed"].groupby(["role", "right"]).size()
    needed = {*days[days >= HABIT].index, *map(tuple, duties)}
    keep = {role: {right for right in rights if (role, right) in needed} for role, rights in grants.items()}
    conflicts = []
    for person, roles in members.items():
        held = set().union(*(keep[role] for role in roles))
        conflicts += [[person, *pair] for pair in FOUR_EYES if held.issuperset(pair)]
    return {"keep": keep, "conflicts": conflicts}
