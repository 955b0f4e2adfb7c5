# Looks up one exception for each rule, the first that is found, and forgets the second.
# loses: code
# may lose: results

# %% id="code-policy"
def broken_rules(version, exceptions, today):
    """The rules that stop a version today, in the order of RULES."""
    broken = []
    for rule, about in RULES.items():
        if about["severity"] != "block" or version["found"].get(rule) is True:
            continue
        granted = next((each for each in exceptions if each["rule"] == rule), None)
        if granted is None or not about["excusable"] or not counts(granted, version, today):
            broken.append(rule)
    return broken


def counts(exception, version, today):
    """Whether an exception holds for a version today, whatever its rule."""
    mine = (exception["model"], exception["version"]) == (version["model"], version["version"])
    first, last = exception["granted_on"], exception["until"]
    if not mine or last is None or exception["granted_by"] in (None, version["author"]):
        return False
    return first <= today <= last and (last - first).days <= LONGEST_DAYS
