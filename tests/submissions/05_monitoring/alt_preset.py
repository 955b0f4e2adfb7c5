# Right, by another road: Evidently's preset, once for the p-values and once for the distances; a pivot; a merge of counts.

# %% id="code-evidently-drift"
def look(reference, window, least):
    """By column of `least`: p-value, distance, and whether the column has drifted."""
    from evidently.presets import DataDriftPreset

    columns = list(least)
    kinds = DataDefinition(
        numerical_columns=[name for name in columns if name not in TEXTS],
        categorical_columns=[name for name in columns if name in TEXTS],
    )
    sides = [Dataset.from_pandas(pd.DataFrame(side)[columns], data_definition=kinds) for side in (window, reference)]
    told = {}
    for kind, number, text in (("p", "ks", "chisquare"), ("distance", "wasserstein", "jensenshannon")):
        preset = DataDriftPreset(columns=columns, num_method=number, cat_method=text)
        for metric in Report([preset]).run(*sides).dict()["metrics"]:
            if "ValueDrift" in metric["metric_name"]:
                told[metric["config"]["column"], kind] = float(metric["value"])
    return {
        name: {
            "p": told[name, "p"],
            "distance": told[name, "distance"],
            "drifted": bool(told[name, "p"] * len(columns) < ALPHA and told[name, "distance"] >= least[name]),
        }
        for name in columns
    }


# %% id="code-late-labels"
def performance(predictions, labels, today):
    """How the mature predictions did, as far as is known `today`: mature, labelled, coverage, error in EUR."""
    mature = predictions[~predictions["request"].duplicated()].set_index("request")
    mature = mature[mature["day"] + MATURE <= today]
    known = labels[labels["known_on"] <= today].drop_duplicates(["request", "known_on", PRICE])
    known = known[known["known_on"] >= known["request"].map(mature["day"])]
    prices = (
        known.drop_duplicates(["request", PRICE]).drop_duplicates("request", keep=False).set_index("request")[PRICE]
    )
    mature = mature.assign(price=prices)
    miss = (mature["predicted"] - mature["price"]).abs()
    table = pd.DataFrame({"miss": miss, "band": mature["band"]}).groupby("band")["miss"].agg(["mean", "count", "size"])
    known_error = len(table) > 0 and table["count"].min() >= FEW
    return {
        "mature": len(mature),
        "labelled": int(miss.notna().sum()),
        "coverage": float(miss.notna().mean()) if len(miss) else 0,
        "error": float(np.average(table["mean"], weights=table["size"])) if known_error else None,
    }


# %% id="code-harm"
def harm(before, now, drifted):
    """The groups whose miss has grown beyond chance, and what that means: act, unknown, watch or fine."""
    sides = []
    for side in (before, now):
        long = side.assign(miss=(side["predicted"] - side[PRICE]).abs() / side[PRICE]).melt("miss", TEXTS)
        sides.append(long.groupby(["variable", "value"])["miss"].agg(["count", "mean", "sem"]))
    both = pd.concat(sides, axis=1, keys=["then", "now"], join="inner")
    both = both[both.xs("count", axis=1, level=1).min(axis=1) >= JUDGED]
    grown = both["now", "mean"] - both["then", "mean"] > 3 * np.hypot(both["now", "sem"], both["then", "sem"])
    groups = sorted([column, value] for column, value in both.index[grown])
    words = {"act": bool(groups), "unknown": both.empty, "watch": bool(drifted), "fine": True}
    return {"groups": groups, "word": next(word for word, holds in words.items() if holds)}
