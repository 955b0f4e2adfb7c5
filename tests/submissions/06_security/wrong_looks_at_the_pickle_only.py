# Only the model's own file is held against the statement; what lies beside it is not.
# loses: code

# %% id="code-load-verified"
def load_verified(files, model, version, signers):
    """The model in a folder that one of `signers` has signed as this version; raises ValueError for any other."""
    statement, signature = (files.get(name) for name in BESIDE)
    if statement is None or signature is None:
        raise ValueError("the folder is not signed")
    if not any(signed_by(key, signature, statement) for key in signers.values()):
        raise ValueError("nobody whom we know has signed it")
    said = json.loads(statement)
    digest = hashlib.sha256(files["model.pkl"]).hexdigest()
    if (said["model"], said["version"], said["files"]["model.pkl"]) != (model, version, digest):
        raise ValueError("the model is not the one that was signed as this version")
    return pickle.loads(files["model.pkl"])


def signed_by(key, signature, content):
    """Whether a signature is by the owner of this public key."""
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, content)
    except InvalidSignature:
        return False
    return True
