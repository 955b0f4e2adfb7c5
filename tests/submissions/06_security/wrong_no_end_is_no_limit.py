# An exception without an end holds without an end, and one may last as long as it says.
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
    known = exception["granted_by"] not in (None, version["author"])
    return mine and known and exception["granted_on"] <= today <= (exception["until"] or date.max)
