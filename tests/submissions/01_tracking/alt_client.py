# Right, by another road: MLflow's client instead of the fluent calls, sorting in Python, SHA-256 instead of MD5.

# %% id="theory-six"
theory_six = ["e", "c", "b"]

# %% id="theory-order"
theory_order = ["B", "E", "C", "A", "F", "D"]


# %% id="code-mlflow-runs"
def track_run(experiment, depth, train, validation):
    client = mlflow.MlflowClient()
    known = client.get_experiment_by_name(experiment)
    home_of_runs = known.experiment_id if known else client.create_experiment(experiment)
    tree = DecisionTreeRegressor(max_depth=depth, random_state=0)
    tree.fit(inputs(train), train[PRICE])
    content = pd.util.hash_pandas_object(train).to_numpy().tobytes()
    with mlflow.start_run(experiment_id=home_of_runs, tags={"data_digest": hashlib.sha256(content).hexdigest()}) as run:
        mlflow.sklearn.log_model(
            tree,
            name="model",
            input_example=inputs(train).head(3),
            signature=infer_signature(inputs(train).head(20), tree.predict(inputs(train).head(20))),
            pip_requirements=["scikit-learn"],
            skops_trusted_types=["sklearn.tree._tree.Tree"],
        )
        mlflow.log_params({name: str(value) for name, value in tree.get_params(deep=True).items()})
        parts = {"train": train, "validation": validation}
        mlflow.log_metrics({f"{part}_rmse": rmse(tree, rows) for part, rows in parts.items()})
    return run.info.run_id


def best_run(experiment):
    client = mlflow.MlflowClient()
    runs = client.search_runs([client.get_experiment_by_name(experiment).experiment_id])
    finished = [run for run in runs if run.info.status == "FINISHED" and "validation_rmse" in run.data.metrics]
    return min(finished, key=lambda run: run.data.metrics["validation_rmse"]).info.run_id


# %% id="code-review"
def open_run(experiment):
    client = mlflow.MlflowClient()
    return client.create_run(mlflow.set_experiment(experiment).experiment_id).info.run_id


def safe_run(run_id, depth, train, validation):
    client = mlflow.MlflowClient()
    tree = DecisionTreeRegressor(max_depth=depth, random_state=0)
    try:
        tree.fit(inputs(train), train[PRICE])
        errors = [("train_rmse", rmse(tree, train)), ("validation_rmse", rmse(tree, validation))]
    except BaseException as problem:
        client.set_tag(run_id, "failure", repr(problem))
        client.set_terminated(run_id, status="FAILED")
        raise
    for name, value in tree.get_params().items():
        client.log_param(run_id, name, value)
    for name, value in errors:
        client.log_metric(run_id, name, value)
    client.set_terminated(run_id)
