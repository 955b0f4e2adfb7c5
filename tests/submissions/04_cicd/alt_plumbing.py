# Right, by another road: history walked by hand, subprocess in place of the given git, lines in place of patterns.

# %% id="code-rollback"
def roll_back(folder, version):
    """Take back the commit that released `version` to production; returns the id of the new commit, or None."""

    def asks_for(commit):
        run = subprocess.run(["git", "show", f"{commit}:production.yaml"], cwd=folder, capture_output=True, text=True)
        return [line for line in run.stdout.splitlines() if line.startswith("version:")]

    wanted = [f"version: {version}"]
    history = subprocess.check_output(["git", "rev-list", "main"], cwd=folder, text=True).split()
    if asks_for(history[0]) != wanted:
        return None
    came = next(new for new, old in zip(history, [*history[1:], "none"]) if asks_for(new) == wanted != asks_for(old))
    subprocess.run(["git", "revert", "--no-commit", came], cwd=folder, check=True, capture_output=True)
    message = f"Revert version {version}: customers complained"
    subprocess.run(["git", "commit", "--all", "-m", message], cwd=folder, check=True, capture_output=True)
    return subprocess.check_output(["git", "rev-parse", "main"], cwd=folder, text=True).strip()


# %% id="results-week"
def deliver(folder, candidate, staged):
    """Bring a candidate that deserves it to production; returns "released", or why not."""
    said = set(candidate["approvals"]) & set(APPROVERS) - {candidate["author"]}
    reasons = [
        (staged["state"] == "in place", f"staging: {staged['reason']}"),
        (bool(said), "who says yes?"),
        (
            bool(said) and compare(candidate["sales"], candidate["challenger"], candidate["champion"])["wins"],
            "no better",
        ),
    ]
    for holds, reason in reasons:
        if not holds:
            return reason
    path = Path(folder) / "production.yaml"
    lines = path.read_text().splitlines(keepends=True)
    place = next(place for place, line in enumerate(lines) if line.startswith("version:"))
    lines[place] = f"version: {candidate['version']}\n"
    path.write_text("".join(lines))
    subprocess.run(["git", "add", "production.yaml"], cwd=folder, check=True)
    message = f"release {candidate['version']}\n\nStaging is fine, and it is better."
    message = message.replace("\n\n", f" (approved by {', '.join(sorted(said))})\n\n", 1)
    subprocess.run(["git", "commit", "-q", "-m", message], cwd=folder, check=True)
    return "released"
