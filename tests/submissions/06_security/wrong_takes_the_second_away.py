# Settles each conflict itself: the second right of a pair goes.
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
        held = set().union(*(keep[role] for role in roles))
        for pair in FOUR_EYES:
            if held.issuperset(pair):
                conflicts.append([person, *pair])
                for role in roles:
                    keep[role].discard(pair[1])
    return {"keep": keep, "conflicts": conflicts}
