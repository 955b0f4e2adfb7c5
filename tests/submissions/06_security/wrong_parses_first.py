# Everything is verified, after the pickle has been run.
# loses: code

# %% id="code-load-verified"
def load_verified(files, model, version, signers):
    """The model in a folder that one of `signers` has signed as this version; raises ValueError for any other."""
    loaded = pickle.loads(files["model.pkl"])
    statement, signature = (files.get(name) for name in BESIDE)
    if statement is None or signature is None:
        raise ValueError("the folder is not signed")
    if not any(signed_by(key, signature, statement) for key in signers.values()):
        raise ValueError("nobody whom we know has signed it")
    said = json.loads(statement)
    found = {name: hashlib.sha256(content).hexdigest() for name, content in files.items() if name not in BESIDE}
    if (said["model"], said["version"], said["files"]) != (model, version, found):
        raise ValueError("the files are not those that were signed as this version")
    return loaded


def signed_by(key, signature, content):
    """Whether a signature is by the owner of this public key."""
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, content)
    except InvalidSignature:
        return False
    return True
