# Right, by another road: loops and dictionaries, the largest remainders get the cents, a search for the break-even.

# %% id="code-least-privilege"
def least_privilege(grants, members, log, duties):
    """By role what it should keep, and who would still hold two rights that nobody may hold together."""
    used = {}
    for line in log.to_dict("records"):
        if line["answer"] == "allowed":
            used.setdefault((line["role"], line["right"]), set()).add(line["day"])
    keep = {}
    for role in grants:
        keep[role] = set()
        for right in grants[role]:
            if len(used.get((role, right), [])) >= HABIT or [role, right] in duties:
                keep[role].add(right)
    conflicts = set()
    for first, second in FOUR_EYES:
        for person in members:
            with_first = any(first in keep[role] for role in members[person])
            if with_first and any(second in keep[role] for role in members[person]):
                conflicts.add((person, first, second))
    return {"keep": keep, "conflicts": sorted(conflicts)}


# %% id="code-reidentify"
def named(published, register, by):
    """For each row of `published` the one owner that it can belong to, else None."""
    answer = []
    lines = register.to_dict("records")
    for row in published.to_dict("records"):
        people = {line["owner"] for line in lines if all(line[name] == row[name] for name in by)}
        answer.append(people.pop() if len(people) == 1 else None)
    return answer


def numbers(hashed, salt):
    """For each hash the phone number behind it, else None."""
    found = dict.fromkeys(hashed)
    for prefix in PREFIXES:
        for last in range(1000):
            number = prefix + str(last).zfill(3)
            digest = phone_hash(number, salt)
            if digest in found:
                found[digest] = number
    return [found[digest] for digest in hashed]


# %% id="code-cost-report"
def cents_of(total, weights):
    """`total` cents by weight: rounded down, then one more for the largest remainders."""
    exact = {name: total * weight / sum(weights.values()) for name, weight in weights.items()}
    whole = {name: int(share) for name, share in exact.items()}
    for name in sorted(exact, key=lambda name: whole[name] - exact[name])[: total - sum(whole.values())]:
        whole[name] += 1
    return whole


def cost_report(work, bill):
    """The bill by phase and by version in whole cents, idle apart, and USD for 1,000 predictions of each version."""
    phases, versions, made = {}, {}, {}
    shared = 0.0
    for line in work.to_dict("records"):
        phases[line["phase"]] = phases.get(line["phase"], 0.0) + line["core_hours"]
        if line["version"] == SHARED:
            shared += line["core_hours"]
            continue
        versions[line["version"]] = versions.get(line["version"], 0.0) + line["core_hours"]
        made[line["version"]] = made.get(line["version"], 0) + line["predictions"]
    if sum(phases.values()) > bill["core_hours"]:
        raise ValueError("more was used than was paid for")
    parts = cents_of(bill["cents"], {"spent": sum(phases.values()), "idle": bill["core_hours"] - sum(phases.values())})
    for name in versions:
        versions[name] += shared * made[name] / sum(made.values())
    cents = cents_of(parts["spent"], versions)
    prices = {}
    for name in versions:
        prices[name] = cents[name] / 100 / (made[name] / 1000) if made[name] > 0 else None
    return {
        "idle": parts["idle"],
        "by_phase": cents_of(parts["spent"], phases),
        "by_version": cents,
        "per_thousand": prices,
    }


def break_even(server, batch):
    """The least number of requests a month for which a server costs less than a nightly batch; None if there is none."""

    def cheaper(requests):
        batch_costs = NIGHTS * batch["usd_a_start"] + requests / 1000 * batch["usd_per_thousand"]
        return HOURS * server["usd_an_hour"] < batch_costs

    low, high = 0, server["capacity"]
    if not cheaper(high):
        return None
    while low < high:
        middle = (low + high) // 2
        if cheaper(middle):
            high = middle
        else:
            low = middle + 1
    return low
