# Prints and swallows: the run looks finished, half of its metrics are there, and nobody learns of the failure.
# loses: code

# %% id="code-review"
def open_run(experiment):
    client = mlflow.MlflowClient()
    return client.create_run(mlflow.set_experiment(experiment).experiment_id).info.run_id


def safe_run(run_id, depth, train, validation):
    with mlflow.start_run(run_id=run_id):
        try:
            model = DecisionTreeRegressor(max_depth=depth, random_state=0).fit(inputs(train), train[PRICE])
            mlflow.log_params(model.get_params())
            mlflow.log_metric("train_rmse", rmse(model, train))
            mlflow.log_metric("validation_rmse", rmse(model, validation))
        except Exception as problem:
            print("tracking failed:", problem)
            mlflow.set_tag("failure", str(problem))
