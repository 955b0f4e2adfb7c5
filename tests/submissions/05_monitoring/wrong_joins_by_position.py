# Takes the labels in the order in which the land registry sent them.
# loses: code
# may lose: report, results

# %% id="code-late-labels"
def performance(predictions, labels, today):
    """How the mature predictions did, as far as is known `today`: mature, labelled, coverage, error in EUR."""
    n = min(len(predictions), len(labels))
    both = pd.concat([predictions.head(n).reset_index(drop=True), labels.head(n).drop(columns="request")], axis=1)
    mature = both[both["day"] <= today - MATURE]
    known = mature[(mature["known_on"] <= today) & (mature["known_on"] >= mature["day"])]
    miss = (known["predicted"] - known[PRICE]).abs()
    share = mature["band"].value_counts(normalize=True)
    by_band = miss.groupby(known["band"]).mean().reindex(share.index)
    return {
        "mature": len(mature),
        "labelled": len(known),
        "coverage": len(known) / len(mature) if len(mature) else 0.0,
        "error": float((by_band * share).sum()) if len(known) >= FEW else None,
    }
