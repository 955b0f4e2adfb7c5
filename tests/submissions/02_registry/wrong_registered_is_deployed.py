# Lets the newest version serve as soon as it is registered.
# loses: code

# %% id="code-stage-transition"
def new_version(name, rows):
    model = recipe().fit(inputs(rows), rows[PRICE])
    with mlflow.start_run():
        signature = infer_signature(inputs(rows), model.predict(inputs(rows)))
        info = mlflow.sklearn.log_model(model, name="model", signature=signature, pip_requirements=["scikit-learn"])
    number = mlflow.register_model(info.model_uri, name).version
    client.set_model_version_tag(name, number, "stage", "Production")
    client.set_registered_model_alias(name, "champion", number)
    return int(number)


def move(name, version, to, by, approved_by=None):
    client.set_model_version_tag(name, str(version), "stage", to)
    client.set_model_version_tag(name, str(version), "moved_by", by)
    if to == "Production":
        client.set_registered_model_alias(name, "champion", str(version))
