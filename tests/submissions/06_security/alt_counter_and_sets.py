# Right, by another road: sets, a Counter, fractions.

# %% id="theory-door"
def theory_door(roles, grants, credential, right, now):
    """401: this opens nothing; 403: not for you; 200: come in."""
    limit = min(end for end in (credential["ends"], credential["token_ends"]) if end is not None)
    if credential["revoked"] or not now < limit:
        return 401
    may = {each for role in roles.get(credential["person"], ()) for each in grants.get(role, ())}
    if credential["scopes"] is not None:
        may &= set(credential["scopes"])
    return 200 if right in may else 403


# %% id="theory-k"
def theory_k(rows, columns, least):
    """The k of the table, and how many rows must go until each group has `least`."""
    from collections import Counter

    sizes = Counter("|".join(f"{row[name]!r}" for name in columns) for row in rows)
    return [min(sizes.values()), sum(size for size in sizes.values() if size < least)]


# %% id="theory-copy"
def theory_copy(answers, requests_a_minute, rows_a_request, rows_an_hour):
    """Hours with one account, and accounts for a day."""
    most = 60 * requests_a_minute * rows_a_request
    rate = most if rows_an_hour is None or rows_an_hour > most else rows_an_hour
    accounts = 1
    while accounts * rate * 24 < answers:
        accounts += 1
    return [answers / rate, accounts]


# %% id="theory-cost"
def theory_cost(cores, hours, price, used, predictions):
    """Idle cost; 1,000 predictions with everything; 1,000 by what serving used. In USD."""
    thousands = predictions / 1_000
    core_hours = {phase: seconds / 3_600 for phase, seconds in used.items()}
    idle = cores * hours
    for each in core_hours.values():
        idle -= each
    return [idle * price, cores * hours * price / thousands, core_hours["serve"] * price / thousands]
