# Whoever is named may grant, the author of the version too.
# loses: code
# may lose: results

# %% id="code-policy"
def broken_rules(version, exceptions, today):
    """The rules that stop a version today, in the order of RULES."""
    excused = {each["rule"] for each in exceptions if counts(each, version, today)}
    stops = [rule for rule in RULES if RULES[rule]["severity"] == "block" and version["found"].get(rule) is not True]
    return [rule for rule in stops if not (RULES[rule]["excusable"] and rule in excused)]


def counts(exception, version, today):
    """Whether an exception holds for a version today, whatever its rule."""
    mine = (exception["model"], exception["version"]) == (version["model"], version["version"])
    first, last = exception["granted_on"], exception["until"]
    if not mine or last is None or not exception["granted_by"]:
        return False
    return first <= today <= last and (last - first).days <= LONGEST_DAYS
