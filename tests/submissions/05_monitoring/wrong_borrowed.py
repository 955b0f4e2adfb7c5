# Hands every task on to the nearest thing in lib, which does something else than was asked.
# loses: theory, code
# may lose: report, results

# %% id="theory-psi"
def theory_psi(reference, window, edges):
    """The PSI of two lists of numbers, and the bin that contributes most."""
    from lib.monitoring.psi import psi

    counts = [
        np.bincount(np.searchsorted(edges, rows, side="right"), minlength=len(edges) + 1)
        for rows in (reference, window)
    ]
    return psi(*counts), int(np.argmax(np.abs(counts[1] - counts[0])))


# %% id="code-evidently-drift"
def look(reference, window, least):
    """By column of `least`: p-value, distance, and whether the column has drifted."""
    from pathlib import Path

    from lib.monitoring import write_report
    from lib.monitoring.table import watched_columns

    report = write_report(reference, window, watched_columns(reference, list(least)), Path("drift"))
    return {each.column: {"p": each.value, "distance": each.value, "drifted": each.drifted} for each in report.columns}


# %% id="code-harm"
def harm(before, now, drifted):
    """The groups whose miss has grown beyond chance, and what that means: act, unknown, watch or fine."""
    from lib.monitoring import analyse_errors

    before, now = (side.assign(residual=side["predicted"] / side[PRICE] - 1) for side in (before, now))
    found = analyse_errors(before, now, TEXTS)
    groups = [[found.column, value] for value in found.moved]
    return {"groups": groups, "word": "act" if groups else "watch" if drifted else "fine"}
