# Makes room first and asks for the approval afterwards: a refused promotion leaves Staging empty.
# loses: code

# %% id="code-stage-transition"
def new_version(name, rows):
    model = recipe().fit(inputs(rows), rows[PRICE])
    with mlflow.start_run():
        signature = infer_signature(inputs(rows), model.predict(inputs(rows)))
        info = mlflow.sklearn.log_model(model, name="model", signature=signature, pip_requirements=["scikit-learn"])
    number = mlflow.register_model(info.model_uri, name).version
    client.set_model_version_tag(name, number, "stage", "None")
    return int(number)


def move(name, version, to, by, approved_by=None):
    stage = client.get_model_version(name, str(version)).tags["stage"]
    if (stage, to) not in LEGAL:
        raise ValueError("illegal")
    signs = {"Staging": "staging", "Production": "champion"}
    holder = client.get_registered_model(name).aliases.get(signs.get(to))
    if stage in signs:
        client.delete_registered_model_alias(name, signs[stage])
    if to == "Production" and approved_by in (None, by):
        raise PermissionError("needs the approval of somebody else")
    gone = holder if to == "Production" else version if stage == "Production" else None
    if gone:
        client.set_registered_model_alias(name, "previous", str(gone))
    for each, where in ((holder, "Archived"), (version, to)):
        if each:
            client.set_model_version_tag(name, str(each), "stage", where)
            client.set_model_version_tag(name, str(each), "moved_by", by)
    if to in signs:
        client.set_registered_model_alias(name, signs[to], str(version))
