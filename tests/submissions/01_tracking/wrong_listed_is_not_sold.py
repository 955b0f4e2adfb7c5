# Splits by the day of listing: trains on houses whose price nobody knew yet when the month began.
# loses: code
# may lose: results

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
    listed_in = history["listed_on"].dt.strftime("%Y-%m")
    known = history[PRICE].notna()
    return [
        (history.index[known & (listed_in < month)].tolist(), history.index[known & (listed_in == month)].tolist())
        for month in months
    ]
