# The folder brings the key that its signature is checked with.
# loses: code
# may lose: results

# %% id="code-load-verified"
def load_verified(files, model, version, signers):
    """The model in a folder; raises ValueError unless its signature is that of signer.pub."""
    try:
        Ed25519PublicKey.from_public_bytes(files["signer.pub"]).verify(files["statement.sig"], files["statement.json"])
    except (InvalidSignature, KeyError) as error:
        raise ValueError("the signature does not hold") from error
    said = json.loads(files["statement.json"])
    found = {name: hashlib.sha256(content).hexdigest() for name, content in files.items() if name not in BESIDE}
    if (said["model"], said["version"], said["files"]) != (model, version, found):
        raise ValueError("the files are not those that were signed as this version")
    return pickle.loads(files["model.pkl"])
