# Resets the branch to what was before, and other people's commits with it.
# loses: code, results
# may lose: report

# %% id="code-rollback"
def roll_back(folder, version):
    """Take back the commit that released `version` to production; returns the id of the new commit, or None."""
    if f"\nversion: {version}\n" not in git(folder, "show", "HEAD:production.yaml"):
        return None
    released = git(folder, "log", "-1", "--format=%H", f"-G^version: {version}$", "--", "production.yaml")
    git(folder, "reset", "--hard", f"{released}~1")
    return git(folder, "rev-parse", "HEAD")
