# Hands every task on to the nearest thing in lib, which does something else than was asked.
# loses: theory, code
# may lose: report, results

# %% id="theory-door"
def theory_door(roles, grants, credential, right, now):
    """401: this opens nothing; 403: not for you; 200: come in."""
    from lib.governance.authority import Caller

    scopes = credential["scopes"]
    caller = Caller(
        credential["person"],
        frozenset(roles.get(credential["person"], ())),
        "key",
        None if scopes is None else frozenset(scopes),
    )
    return 200 if caller.may(right) else 403


# %% id="theory-cost"
def theory_cost(cores, hours, price, used, predictions):
    """Idle cost; 1,000 predictions with everything; 1,000 by what serving used. In USD."""
    from datetime import UTC, datetime

    from lib.governance.cost_allocate import Capacity, allocate
    from lib.governance.cost_prices import read_prices
    from lib.governance.cost_usage import Usage

    started = datetime(2026, 1, 1, tzinfo=UTC)
    usages = [
        Usage(phase=phase, version=1, started=started, wall_s=0, cpu_s=cpu_s, predictions=predictions)
        for phase, cpu_s in used.items()
    ]
    report = allocate(usages, read_prices(), Capacity(cores=cores, memory_gib=0, window_s=hours * 3_600))
    served = next(each for each in report.allocations if each.phase == "serve")
    return report.idle.total, served.per_thousand, served.per_thousand


# %% id="code-least-privilege"
def least_privilege(grants, members, log, duties):
    """By role what it should keep, and who would still hold two rights that nobody may hold together."""
    from lib.governance.roles import decisions, may

    keep = {role: {right for right in rights if may([role], right)} for role, rights in grants.items()}
    return {"keep": keep or decisions(), "conflicts": []}


# %% id="code-reidentify"
def named(published, register, by):
    """For each row of `published` the one owner that it can belong to, else None."""
    from lib.governance.privacy_person import person

    return [person(owner).name if hasattr(person, "name") else None for owner in register["owner"].head(len(published))]


def numbers(hashed, salt):
    """For each hash the phone number behind it, else None."""
    from lib.governance.privacy_find import find, one_spelling

    return [one_spelling(digest) if find(digest) else None for digest in hashed]


# %% id="code-cost-report"
def cost_report(work, bill):
    """The bill by phase and by version in whole cents, idle apart, and USD for 1,000 predictions of each version."""
    from datetime import UTC, datetime

    from lib.governance.cost_allocate import Capacity, allocate
    from lib.governance.cost_prices import read_prices
    from lib.governance.cost_usage import Usage

    started = datetime(2026, 1, 1, tzinfo=UTC)
    usages = [
        Usage(
            phase=line["phase"],
            version=None if line["version"] == SHARED else int(line["version"][1:]),
            started=started,
            wall_s=line["core_hours"] * 3600,
            cpu_s=line["core_hours"] * 3600,
            predictions=line["predictions"],
        )
        for line in work.to_dict("records")
    ]
    report = allocate(usages, read_prices(), Capacity(cores=1, memory_gib=0, window_s=bill["core_hours"] * 3600))
    return {
        "idle": round(report.idle.total * 100),
        "by_phase": {name: round(costs.total * 100) for name, costs in report.by_phase().items()},
        "by_version": {f"v{name}": round(costs.total * 100) for name, costs in report.by_version().items()},
        "per_thousand": {f"v{each.version}": each.per_thousand for each in report.allocations},
    }


def break_even(server, batch):
    """The least number of requests a month for which a server costs less than a nightly batch; None if there is none."""
    from lib.governance.cost_project import project

    costs = [server["usd_an_hour"], batch["usd_a_start"], batch["usd_per_thousand"]]
    return round(project(costs, periods=30).expected * 1_000)
