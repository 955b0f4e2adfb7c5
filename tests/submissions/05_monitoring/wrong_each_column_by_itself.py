# Forgets that three columns have three chances.
# loses: code
# may lose: report, results

# %% id="code-evidently-drift"
def look(reference, window, least):
    """By column of `least`: p-value, distance, and whether the column has drifted."""
    kinds = DataDefinition(
        numerical_columns=[name for name in least if name in NUMBERS],
        categorical_columns=[name for name in least if name in TEXTS],
    )
    found = {}
    for name in least:
        methods = ("ks", "wasserstein") if name in NUMBERS else ("chisquare", "jensenshannon")
        metrics = [ValueDrift(column=name, method=method) for method in methods]
        now, before = (Dataset.from_pandas(side[list(least)], data_definition=kinds) for side in (window, reference))
        p, distance = (float(metric["value"]) for metric in Report(metrics).run(now, before).dict()["metrics"])
        drifted = p < ALPHA and distance >= least[name]
        found[name] = {"p": p, "distance": distance, "drifted": bool(drifted)}
    return found
