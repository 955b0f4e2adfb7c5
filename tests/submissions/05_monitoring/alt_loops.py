# Right, by another road: plain Python, a report of Evidently for each column.

# %% id="theory-budget"
def theory_budget(target, events_a_day, bad):
    """Share of the budget left, burn rate of the last three days, days until it is gone."""
    allowed = 30 * events_a_day * (1 - target)
    rest = allowed - sum(bad)
    lately = (bad[-1] + bad[-2] + bad[-3]) / 3
    if rest <= 0:
        days = 0
    elif lately == 0:
        days = float("inf")
    else:
        days = rest / lately
    return [rest / allowed, lately / (allowed / 30), days]


# %% id="theory-psi"
def theory_psi(reference, window, edges):
    """The PSI of two lists of numbers, and the bin that contributes most."""

    def shares(rows):
        counts = [0] * (len(edges) + 1)
        for value in rows:
            counts[sum(edge <= value for edge in edges)] += 1
        return [max(count / len(rows), FLOOR) for count in counts]

    parts = [(w - r) * math.log(w / r) for r, w in zip(shares(reference), shares(window), strict=True)]
    return sum(parts), parts.index(max(parts))


# %% id="theory-false"
def theory_false(columns, alpha, k, n):
    """The chance of a false alarm in n windows."""
    quiet = sum(math.comb(n, hits) * alpha**hits * (1 - alpha) ** (n - hits) for hits in range(k))
    return 1 - quiet**columns


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
        drifted = p < ALPHA / len(least) and distance >= least[name]
        found[name] = {"p": p, "distance": distance, "drifted": bool(drifted)}
    return found


# %% id="code-late-labels"
def performance(predictions, labels, today):
    """How the mature predictions did, as far as is known `today`: mature, labelled, coverage, error in EUR."""
    asked = {}
    for line in predictions.to_dict("records"):
        if line["day"] <= today - MATURE:
            asked.setdefault(line["request"], line)
    told = {}
    for line in labels.to_dict("records"):
        question = asked.get(line["request"])
        if question and question["day"] <= line["known_on"] <= today:
            told.setdefault(line["request"], set()).add(line[PRICE])
    prices = {request: each.pop() for request, each in told.items() if len(each) == 1}
    bands = {}
    for request, line in asked.items():
        band = bands.setdefault(line["band"], {"all": 0, "misses": []})
        band["all"] += 1
        if request in prices:
            band["misses"].append(abs(line["predicted"] - prices[request]))
    error = None
    if bands and all(len(band["misses"]) >= FEW for band in bands.values()):
        error = sum(band["all"] / len(asked) * sum(band["misses"]) / len(band["misses"]) for band in bands.values())
    coverage = len(prices) / len(asked) if asked else 0.0
    return {"mature": len(asked), "labelled": len(prices), "coverage": coverage, "error": error}


# %% id="code-harm"
def harm(before, now, drifted):
    """The groups whose miss has grown beyond chance, and what that means: act, unknown, watch or fine."""
    groups, judged = [], 0
    for column in TEXTS:
        for value in sorted(set(before[column]) & set(now[column])):
            a, b = ((side["predicted"] / side[PRICE] - 1).abs()[side[column] == value] for side in (before, now))
            if min(len(a), len(b)) < JUDGED:
                continue
            judged += 1
            if b.mean() - a.mean() > 3 * math.sqrt(a.var() / len(a) + b.var() / len(b)):
                groups.append([column, value])
    if groups:
        word = "act"
    elif judged == 0:
        word = "unknown"
    else:
        word = "watch" if len(drifted) > 0 else "fine"
    return {"groups": groups, "word": word}
