# Holds out houses at random and lets the model look at their neighbours of the same month.
# loses: code, results

# %% id="code-leaks"
def target_leaks(history):
    unsold, price = history[PRICE].isna(), history[PRICE]
    leaks = []
    for name in history.columns.drop(["house_id", "listed_on", "sold_on", PRICE]):
        column = history[name]
        hidden = column[unsold].isna().all()
        numeric = pd.api.types.is_numeric_dtype(column)
        if hidden or (numeric and abs(column[~unsold].astype(float).rank().corr(price[~unsold].rank())) > 0.97):
            leaks.append(name)
    return leaks


def rolling_folds(history, months):
    sold = history[history[PRICE].notna()]
    folds = []
    for number, _ in enumerate(months):
        held_out = sold.sample(frac=0.25, random_state=number).index
        folds.append((sold.index.difference(held_out).tolist(), held_out.tolist()))
    return folds
