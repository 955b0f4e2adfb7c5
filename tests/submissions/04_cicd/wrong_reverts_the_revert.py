# Does not look whether somebody was quicker: two on call bring the bad version back.
# loses: code, results

# %% id="code-rollback"
def roll_back(folder, version):
    """Take back the commit that released `version` to production; returns the id of the new commit, or None."""
    released = git(folder, "log", "-1", "--format=%H", f"-G^version: {version}$", "--", "production.yaml")
    git(folder, "revert", "--no-edit", released)
    return git(folder, "rev-parse", "HEAD")
