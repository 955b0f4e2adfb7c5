# Takes back whatever came last.
# loses: code, results

# %% id="code-rollback"
def roll_back(folder, version):
    """Take back the commit that released `version` to production; returns the id of the new commit, or None."""
    if f"\nversion: {version}\n" not in git(folder, "show", "HEAD:production.yaml"):
        return None
    git(folder, "revert", "--no-edit", "HEAD")
    return git(folder, "rev-parse", "HEAD")
