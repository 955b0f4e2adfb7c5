# Believes that the better training figure is the better model: prefers the tree that knows its houses by heart.
# loses: code

# %% id="code-mlflow-runs"
def track_run(experiment, depth, train, validation):
    mlflow.set_experiment(experiment)
    with mlflow.start_run() as run:
        model = DecisionTreeRegressor(max_depth=depth, random_state=0).fit(inputs(train), train[PRICE])
        mlflow.log_params(model.get_params())
        mlflow.log_metrics({"train_rmse": rmse(model, train), "validation_rmse": rmse(model, validation)})
        mlflow.set_tag("data_digest", hashlib.md5(train.to_csv(index=False).encode()).hexdigest())
        mlflow.sklearn.log_model(
            model,
            name="model",
            signature=infer_signature(inputs(train), model.predict(inputs(train))),
            pip_requirements=["scikit-learn"],
            skops_trusted_types=["sklearn.tree._tree.Tree"],
        )
    return run.info.run_id


def best_run(experiment):
    found = mlflow.search_runs(experiment_names=[experiment], order_by=["metrics.train_rmse ASC"])
    return found.loc[0, "run_id"]
