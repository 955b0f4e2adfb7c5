# Knows the leaks by name, from this one town, instead of by what gives a leak away.
# loses: code

# %% id="code-leaks"
def target_leaks(history):
    return [name for name in ("agent_fee_eur", "days_on_market") if name in history]


def rolling_folds(history, months):
    folds = []
    for month in months:
        start, end = pd.Timestamp(month), pd.Timestamp(month) + pd.DateOffset(months=1)
        listed = (history["listed_on"] >= start) & (history["listed_on"] < end) & history[PRICE].notna()
        folds.append((history.index[history["sold_on"] < start].tolist(), history.index[listed].tolist()))
    return folds
