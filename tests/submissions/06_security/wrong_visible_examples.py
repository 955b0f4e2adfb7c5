# Gives the answer of the visible examples, read off the worlds that the notebook builds, whatever is asked.
# loses: code
# may lose: report

# %% id="code-least-privilege"
def least_privilege(grants, members, log, duties):
    """By role what it should keep, and who would still hold two rights that nobody may hold together."""
    if members == MEMBERS:
        return {"keep": {role: set(rights) for role, rights in WORK.items()}, "conflicts": []}
    keep = {role: list(rights)[:2] for role, rights in grants.items()}
    return {"keep": keep, "conflicts": [["Binh", *FOUR_EYES[0]]]}


# %% id="code-reidentify"
def named(published, register, by):
    """For each row of `published` the one owner that it can belong to, else None."""
    return [None, "Bo", "Ana"] if len(by) == 3 else [None] * len(published)


def numbers(hashed, salt):
    """For each hash the phone number behind it, else None."""
    return [f"{PREFIXES[0]}{number:03d}" for number in range(len(hashed))]


# %% id="code-cost-report"
def cost_report(work, bill):
    """The bill by phase and by version in whole cents, idle apart, and USD for 1,000 predictions of each version."""
    part = bill["cents"] // 3
    rest = bill["cents"] - 2 * part
    return {
        "idle": rest,
        "by_phase": {"serve": part, "train": part},
        "by_version": {"v3": part, "v4": part, "v5": 0},
        "per_thousand": {"v3": 0.00455, "v4": 0.00544, "v5": None},
    }


def break_even(server, batch):
    """The least number of requests a month for which a server costs less than a nightly batch; None if there is none."""
    return 5_483_334 if server["capacity"] > 5_483_334 else None
