# Brings the whole old file back, and the replicas of then.
# loses: code, results

# %% id="code-rollback"
def roll_back(folder, version):
    """Take back the commit that released `version` to production; returns the id of the new commit, or None."""
    if f"\nversion: {version}\n" not in git(folder, "show", "HEAD:production.yaml"):
        return None
    released = git(folder, "log", "-1", "--format=%H", f"-G^version: {version}$", "--", "production.yaml")
    git(folder, "checkout", f"{released}~1", "--", "production.yaml")
    git(folder, "commit", "-m", f"Revert version {version}")
    return git(folder, "rev-parse", "HEAD")
