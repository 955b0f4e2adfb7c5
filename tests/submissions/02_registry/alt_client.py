# Right, by another road: MLflow's client throughout, the new layout written from a table of who stands where.

# %% id="code-stage-transition"
def new_version(name, rows):
    model = recipe().fit(inputs(rows), rows[PRICE])
    with mlflow.start_run() as run:
        mlflow.sklearn.log_model(
            model, name="model", input_example=inputs(rows).head(2), pip_requirements=["scikit-learn"],
            signature=infer_signature(inputs(rows), model.predict(inputs(rows))),
        )  # fmt: skip
    try:
        client.create_registered_model(name)
    except mlflow.MlflowException as problem:
        if problem.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    made = mlflow.register_model(f"runs:/{run.info.run_id}/model", name, tags={"stage": "None"})
    return int(made.version)


def move(name, version, to, by, approved_by=None):
    now = {int(each.version): each.tags["stage"] for each in client.search_model_versions(f"name='{name}'")}
    if (now[version], to) not in LEGAL:
        raise ValueError(f"{now[version]} → {to} is no legal move")
    if to == "Production" and (approved_by is None or approved_by == by):
        raise PermissionError("somebody else has to approve")
    then = {n: "Archived" if s == to and to != "Archived" else s for n, s in now.items()} | {version: to}
    for number, stage in then.items():
        if stage != now[number]:
            client.set_model_version_tag(name, str(number), "stage", stage)
            client.set_model_version_tag(name, str(number), "moved_by", by)
        if now[number] == "Production" and stage != "Production":
            client.set_registered_model_alias(name, "previous", str(number))
    for alias, place in (("staging", "Staging"), ("champion", "Production")):
        there = [number for number, stage in then.items() if stage == place]
        if there:
            client.set_registered_model_alias(name, alias, str(there[0]))
        elif place in now.values():
            client.delete_registered_model_alias(name, alias)


# %% id="code-review"
def champion_prices(name, rows):
    found = client.search_registered_models(f"name='{name}'")
    if not found or "champion" not in found[0].aliases:
        raise LookupError(f"no champion of {name!r} is known")
    model = mlflow.pyfunc.load_model(f"models:/{name}/{found[0].aliases['champion']}")
    return [float(price) for price in model.predict(inputs(rows))]
