# Edits the file; what is not committed is not wanted.
# loses: results, report

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
    file.write_text(re.sub(r"version: \d+", f"version: {candidate['version']}", file.read_text()))
    return "released"
