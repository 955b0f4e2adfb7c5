# Right, by another road: callable objects instead of functions, pivot tables, merges, and names of one's own.

# %% id="theory-parts"
theory_parts = {1: "a", 2: "d", 3: "c", 4: "e", 5: "b"}


# %% id="code-choose"
class Chooser:
    """Chooses by the mean over seeds; callable like a function."""

    def __call__(self, runs, digest):
        good = runs.query("status == 'FINISHED' and data_digest == @digest").dropna(subset=["validation_rmse"])
        counts = good["config"].value_counts()
        good = good[good["config"].isin(counts[counts >= 3].index)]
        table = good.pivot_table(index="config", values=["validation_rmse", "test_rmse"], aggfunc="mean")
        first = table.sort_values("validation_rmse").head(1)
        return str(first.index[0]), first["test_rmse"].item()


choose = Chooser()


# %% id="code-snapshots"
class Archive:
    """Facts of each file, computed once."""

    def __init__(self, snapshots):
        self.lines = {label: data.splitlines(keepends=True) for label, data in snapshots.items()}

    def digest(self, label, houses=None):
        lines = self.lines[label]
        return hashlib.md5(b"".join(lines if houses is None else lines[: 1 + houses])).hexdigest()

    def fitting(self, run):
        labels = set(self.lines)
        if "md5" in run:
            labels &= {label for label in labels if self.digest(label) == run["md5"]}
        if "rows" in run:
            labels &= {label for label in labels if len(self.lines[label]) == 1 + run["rows"]}
        if "first_rows_md5" in run:
            labels &= {label for label in labels if self.digest(label, run["first_rows"]) == run["first_rows_md5"]}
        return sorted(labels)


def identify(runs, snapshots):
    archive = Archive(snapshots)
    fitting = {run["run_id"]: archive.fitting(run) for run in runs}
    return {run_id: labels[0] if len(labels) == 1 else None for run_id, labels in fitting.items()}


# %% id="code-leaks"
def target_leaks(history):
    candidates = history.drop(columns=["house_id", "listed_on", "sold_on", PRICE])
    unknown = history[PRICE].isna()
    empty = candidates.columns[candidates[unknown].notna().sum() == 0] if unknown.any() else []
    numbers = candidates.select_dtypes(["number", "bool"]).astype(float)
    steps = numbers[~unknown].rank().corrwith(history.loc[~unknown, PRICE].rank()).abs()
    return list(dict.fromkeys([*empty, *steps[steps > 0.968].index]))


def rolling_folds(history, months):
    listed, sold = (history[name].dt.to_period("M") for name in ("listed_on", "sold_on"))
    priced = ~history[PRICE].isna()
    starts = [pd.Period(month, "M") for month in months]
    return tuple(
        (list(history.index[sold < start]), list(history.index[(listed == start) & priced])) for start in starts
    )
