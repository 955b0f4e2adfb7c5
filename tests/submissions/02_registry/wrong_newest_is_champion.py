# Serves the version with the highest number.
# loses: code

# %% id="code-review"
def champion_prices(name, rows):
    versions = client.search_model_versions(f"name='{name}'")
    if not versions:
        raise LookupError(f"{name} has no versions")
    newest = max(versions, key=lambda each: int(each.version))
    return mlflow.sklearn.load_model(f"models:/{name}/{newest.version}").predict(inputs(rows)).tolist()
