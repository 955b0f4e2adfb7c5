# The digests are right, so the files are; who wrote the digests is not asked.
# loses: code
# may lose: results

# %% id="code-load-verified"
def load_verified(files, model, version, signers):
    """The model in a folder whose digests are those of its statement; raises ValueError for any other."""
    said = json.loads(files.get("statement.json", b"{}"))
    found = {name: hashlib.sha256(content).hexdigest() for name, content in files.items() if name not in BESIDE}
    if (said.get("model"), said.get("version"), said.get("files")) != (model, version, found):
        raise ValueError("the files are not those of the statement")
    return pickle.loads(files["model.pkl"])
