# Judges by all labels so far, also those of yesterday's predictions.
# loses: code
# may lose: report, results

# %% id="code-late-labels"
def performance(predictions, labels, today):
    """How the mature predictions did, as far as is known `today`: mature, labelled, coverage, error in EUR."""
    asked = {}
    for line in predictions.to_dict("records"):
        if line["day"] <= today:
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
