# The rules and exceptions of lib's own policy, which asks for neither two people nor an end within reach.
# loses: code
# may lose: results

# %% id="code-policy"
def broken_rules(version, exceptions, today):
    """The rules that stop a version today, in the order of RULES."""
    from types import SimpleNamespace

    from lib.governance.policy import PolicyException

    candidate, excused = SimpleNamespace(name=version["model"], version=version["version"]), set()
    for each in exceptions:
        if each["until"] is None or each["granted_by"] is None:
            continue
        about = {name: each[name] for name in ("rule", "model", "version", "granted_by", "until")}
        exception = PolicyException(**about, reason="it was asked for")
        if exception.covers(SimpleNamespace(id=each["rule"]), candidate) and today <= exception.until:
            excused.add(each["rule"])
    return [rule for rule in RULES if version["found"].get(rule) is not True and rule not in excused]
