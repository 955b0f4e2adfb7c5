# Looks for four eyes within each role only, and not at who holds two roles.
# loses: code
# may lose: report

# %% id="code-least-privilege"
def least_privilege(grants, members, log, duties):
    """By role what it should keep, and who would still hold two rights that nobody may hold together."""
    days = log[log["answer"] == "allowed"].groupby(["role", "right"])["day"].nunique()
    needed = {*days[days >= HABIT].index, *map(tuple, duties)}
    keep = {role: {right for right in rights if (role, right) in needed} for role, rights in grants.items()}
    conflicts = []
    for person, roles in members.items():
        for pair in FOUR_EYES:
            if any(keep[role].issuperset(pair) for role in roles):
                conflicts.append([person, *pair])
    return {"keep": keep, "conflicts": conflicts}
