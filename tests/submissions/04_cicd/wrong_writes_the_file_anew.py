# Writes what it knows of the file, and loses what others have set.
# loses: results

# %% id="results-week"
def deliver(folder, candidate, staged):
    """Bring a candidate that deserves it to production; returns "released", or why not."""
    if staged["state"] != "in place":
        return staged["reason"]
    found = compare(candidate["sales"], candidate["challenger"], candidate["champion"])
    if not found["wins"]:
        return f"not better: {found['gain']:,.0f} EUR on {found['rows']} sales"
    others = [name for name in candidate["approvals"] if name in APPROVERS and name != candidate["author"]]
    if not others:
        return "nobody else has approved"
    file = Path(folder, "production.yaml")
    file.write_text(WANTED.format(version=candidate["version"], replicas=1))
    git(
        folder, "commit", "--quiet", "-m", f"Version {candidate['version']}, approved by {others[0]}", "production.yaml"
    )
    return "released"
