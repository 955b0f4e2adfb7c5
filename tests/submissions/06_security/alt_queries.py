# Right, by another road: questions in SQL, and fractions instead of floating point.

# %% id="code-least-privilege"
def least_privilege(grants, members, log, duties):
    """By role what it should keep, and who would still hold two rights that nobody may hold together."""
    import duckdb

    needed = set(
        duckdb.sql(
            f"""SELECT role, "right" FROM log WHERE answer = 'allowed'
            GROUP BY ALL HAVING count(DISTINCT day) >= {HABIT}"""
        ).fetchall()
    )
    needed = needed.union((role, right) for role, right in duties)
    keep = {role: {right for whose, right in needed if whose == role} & set(grants[role]) for role in grants}
    conflicts = []
    for person in sorted(members):
        mine = {right for role in members[person] for right in keep[role]}
        conflicts.extend((person, one, other) for one, other in FOUR_EYES if one in mine and other in mine)
    return {"keep": keep, "conflicts": conflicts}


# %% id="code-reidentify"
def named(published, register, by):
    """For each row of `published` the one owner that it can belong to, else None."""
    import duckdb

    rows = published[by].reset_index(drop=True).rename_axis("place").reset_index()
    same = " AND ".join(f"rows.{name} = register.{name}" for name in by)
    found = duckdb.sql(
        f"""SELECT CASE WHEN count(DISTINCT owner) = 1 THEN min(owner) END
        FROM rows LEFT JOIN register ON {same} GROUP BY place ORDER BY place"""
    )
    return [owner for (owner,) in found.fetchall()]


def numbers(hashed, salt):
    """For each hash the phone number behind it, else None."""
    wanted, found = set(hashed), {}
    for count in range(1000 * len(PREFIXES)):
        number = f"{PREFIXES[count // 1000]}{count % 1000:03}"
        digest = hashlib.sha256(f"{salt}{number}".encode()).hexdigest()
        if digest in wanted:
            found[digest] = number
    return list(map(found.get, hashed))


# %% id="code-cost-report"
def cost_report(work, bill):
    """The bill by phase and by version in whole cents, idle apart, and USD for 1,000 predictions of each version."""
    from fractions import Fraction

    hour = Fraction(bill["cents"]) / Fraction(bill["core_hours"])
    costs = [Fraction(hours) * hour for hours in work["core_hours"].tolist()]
    idle = math.ceil(bill["cents"] - sum(costs))
    if sum(costs) > bill["cents"]:
        raise ValueError("there was less than was used")

    def whole(shares):
        amounts, carried = {}, Fraction(0)
        for place, (name, share) in enumerate(shares.items(), start=1):
            exact = share + carried
            amounts[name] = math.floor(exact) if place < len(shares) else bill["cents"] - idle - sum(amounts.values())
            carried = exact - amounts[name]
        return amounts

    phases = {name: Fraction(0) for name in work["phase"]}
    versions = {name: Fraction(0) for name in work["version"]}
    made = {name: 0 for name in versions if name != SHARED}
    for line, cost in zip(work.itertuples(), costs, strict=True):
        phases[line.phase] += cost
        versions[line.version] += cost
        if line.version != SHARED:
            made[line.version] += int(line.predictions)
    shared = versions.pop(SHARED)
    versions = {name: own + shared * made[name] / sum(made.values()) for name, own in versions.items()}
    prices = {name: float(versions[name] * 10 / made[name]) if made[name] else None for name in versions}
    return {"idle": idle, "by_phase": whole(phases), "by_version": whole(versions), "per_thousand": prices}


def break_even(server, batch):
    """The least number of requests a month for which a server costs less than a nightly batch; None if there is none."""
    needs_more_than = HOURS * server["usd_an_hour"] - NIGHTS * batch["usd_a_start"]
    if needs_more_than < 0:
        return 0
    requests = int(needs_more_than / (batch["usd_per_thousand"] / 1000)) + 1
    return None if requests > server["capacity"] else requests
