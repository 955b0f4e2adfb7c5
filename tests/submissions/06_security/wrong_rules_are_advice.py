# No rule stops anything.
# loses: code, results

# %% id="code-policy"
def broken_rules(version, exceptions, today):
    """The rules that stop a version today, in the order of RULES."""
    return []
