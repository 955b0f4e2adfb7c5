# Once excused, excused for ever: nobody asks when an exception ends.
# loses: code, results

# %% id="code-policy"
def broken_rules(version, exceptions, today):
    """The rules that stop a version today, in the order of RULES."""
    excused = {
        each["rule"]
        for each in exceptions
        if (each["model"], each["version"]) == (version["model"], version["version"])
        and each["granted_by"] not in (None, version["author"])
    }
    stops = [rule for rule in RULES if RULES[rule]["severity"] == "block" and version["found"].get(rule) is not True]
    return [rule for rule in stops if not (RULES[rule]["excusable"] and rule in excused)]
