# Right, by another road: numpy for the figures, slices for the alerts, other limits, rows by hand for the action.

# %% id="code-performance-alerts"
def figures(houses, due, reference, accepted):
    """The figures of one window."""
    sold = due["sold_for"].to_numpy(dtype=float)
    there = ~np.isnan(sold)
    miss = np.abs(due["predicted"].to_numpy()[there] - sold[there]) / sold[there]
    found = {"arrived": int(houses.shape[0]), "labels": int(there.sum()), "miss": 0, "low": 0, "drift": 0}
    if found["arrived"]:
        theirs, ours = np.sort(houses["area_m2"].to_numpy()), np.sort(np.array(reference))
        grid = np.concatenate([theirs, ours])
        apart = np.searchsorted(theirs, grid, "right") / len(theirs) - np.searchsorted(ours, grid, "right") / len(ours)
        found["drift"] = float(np.abs(apart).max())
    if found["labels"] >= 2:
        found["miss"] = float(miss.mean())
        found["low"] = float((miss.mean() - 1.96 * np.std(miss, ddof=1) / np.sqrt(len(miss))) / accepted)
    return found


def alerts(rule, windows):
    """The state of a rule after each window: "quiet", "pending" or "firing"."""
    seen, states = [], []
    for window in windows:
        before = states[-1] if states else "quiet"
        if window[rule["rows"]] < rule["least"]:
            states.append(before)
            continue
        seen.append(bool(window[rule["metric"]] > rule["above"]))
        bad, calm = seen[-rule["for"] :], seen[-rule["calm"] :]
        if len(bad) == rule["for"] and all(bad):
            states.append("firing")
        elif before == "firing" and (any(calm) or len(calm) < rule["calm"]):
            states.append("firing")
        else:
            states.append("pending" if seen[-1] else "quiet")
    return states


# %% id="code-action"
def action(firing, due):
    """What to do: "nothing", "quarantine", "manual", "fall back" or "retrain"."""
    word = "manual" if "BrokenRows" in firing else "nothing"
    if word == "nothing" and "ModelWorse" in firing:
        rows = [row for row in due.to_dict("records") if row["sold_for"] == row["sold_for"]]
        far = [
            all(not 1 / FAR <= row[name] / row["sold_for"] <= FAR for name in ("predicted", "stable")) for row in rows
        ]
        ours, old = (
            sum(min(1.0, abs(row[name] / row["sold_for"] - 1)) for row in rows) for name in ("predicted", "stable")
        )
        word = "quarantine" if sum(far) > TENTH * len(rows) else "fall back" if old < CLEARLY * ours else "retrain"
    return word


# %% id="results-monitor"
RULES = {
    "ModelWorse": {"metric": "low", "rows": "labels", "least": 8, "above": 1.5, "for": 4, "calm": 1},
    "BrokenRows": {"metric": "broken", "rows": "asked", "least": 10, "above": 0.2, "for": 3, "calm": 1},
    "InputsDrifted": {"metric": "drift", "rows": "arrived", "least": 30, "above": 0.3, "for": 2, "calm": 2},
}


def monitor(windows, due):
    """The word of this morning."""
    return action({name for name in RULES if alerts(RULES[name], windows)[-1:] == ["firing"]}, due)
