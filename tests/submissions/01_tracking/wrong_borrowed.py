# Hands every task on to the nearest function of lib, which does something else than was asked.
# loses: code, results

# %% id="code-mlflow-runs"
def track_run(experiment, depth, train, validation):
    model = DecisionTreeRegressor(max_depth=depth, random_state=0)
    table = pd.concat([train, validation])
    return track(model, table, features=NUMBERS, experiment=experiment, model_artifacts=False).run_id


def best_run(experiment):
    from lib.tracking import compare

    return compare(experiment).table["run_id"].iloc[0]


# %% id="code-choose"
def choose(runs, digest):
    from lib.tracking import compare

    table = compare("House Price Prediction").table
    return runs["config"].iloc[0], float(table["validation_rmse"].min())


# %% id="code-snapshots"
def identify(runs, snapshots):
    digests = {}
    for label, data in snapshots.items():
        Path("houses.csv").write_bytes(data)
        digests[snapshot("houses.csv").digest] = label
    return {run["run_id"]: digests.get(run.get("md5")) for run in runs}


# %% id="code-leaks"
def target_leaks(history):
    from lib.market import HOUSES

    known = {*HOUSES.known_at("sale"), "sold_on", PRICE}
    return [name for name in history.columns if name in known - {"sold_on", PRICE}]


def rolling_folds(history, months):
    parts = split_by_time(history)
    return [(parts.train.index.tolist(), parts.validation.index.tolist()) for _ in months]


# %% id="code-repeat"
def train_predict(train, rows, seed):
    table = simulate("stable", rows=len(train), seed=seed).houses
    run = track(DecisionTreeRegressor(random_state=seed), table, features=NUMBERS, model_artifacts=False)
    return run.model.predict(inputs(rows)).tolist()


# %% id="code-review"
def open_run(experiment):
    client = mlflow.MlflowClient()
    return client.create_run(mlflow.set_experiment(experiment).experiment_id).info.run_id


def safe_run(run_id, depth, train, validation):
    model = DecisionTreeRegressor(max_depth=depth, random_state=0)
    track(model, pd.concat([train, validation]), features=NUMBERS, run_id=run_id, model_artifacts=False)


# %% id="results-study"
def study(history):
    columns = list(FEATURES)
    scores = {}
    for name in ("deep tree", "boosting"):
        scores[name] = track(recipes()[name], history, features=columns, model_artifacts=False).metrics[
            "validation_rmse"
        ]
    return {"columns": columns, "scores": scores, "winner": min(scores, key=scores.get)}


def forecast(history, rows):
    run = track(recipes()["deep tree"], history, features=list(FEATURES), model_artifacts=False)
    return run.model.predict(rows[list(FEATURES)]).tolist()
