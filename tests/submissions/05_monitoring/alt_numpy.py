# Right, by another road: arrays and masks.

# %% id="theory-psi"
def theory_psi(reference, window, edges):
    """The PSI of two lists of numbers, and the bin that contributes most."""
    below = [np.array([np.mean(np.asarray(rows) < edge) for edge in edges]) for rows in (reference, window)]
    r, w = (np.clip(np.diff(np.concatenate([[0.0], each, [1.0]])), FLOOR, None) for each in below)
    parts = (r - w) * np.log(r / w)
    return parts.sum(), np.argmax(parts)


# %% id="code-harm"
def harm(before, now, drifted):
    """The groups whose miss has grown beyond chance, and what that means: act, unknown, watch or fine."""
    misses = [np.abs(side["predicted"].to_numpy() / side[PRICE].to_numpy() - 1) for side in (before, now)]
    found = []
    for column in TEXTS:
        for value in np.unique(np.concatenate([before[column].to_numpy(str), now[column].to_numpy(str)])):
            a, b = (miss[side[column].to_numpy(str) == value] for miss, side in zip(misses, (before, now), strict=True))
            if len(a) >= JUDGED and len(b) >= JUDGED:
                spread = np.sqrt(np.var(a, ddof=1) / len(a) + np.var(b, ddof=1) / len(b))
                found.append((column, str(value), bool(b.mean() - a.mean() - 3 * spread > 0)))
    groups = [[column, value] for column, value, harmed in found if harmed]
    if not found:
        return {"groups": [], "word": "unknown"}
    return {"groups": groups, "word": "act" if groups else "watch" if drifted else "fine"}
