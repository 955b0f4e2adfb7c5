# Back means training again: calls for a new candidate, and touches nothing.
# loses: code, results
# may lose: report

# %% id="code-rollback"
def roll_back(folder, version):
    """Take back the commit that released `version` to production; returns the id of the new commit, or None."""
    fitted(this_year)
    return git(folder, "rev-parse", "HEAD")
