# Signed by one of ours, whatever it was signed as.
# loses: code
# may lose: results

# %% id="code-load-verified"
def load_verified(files, model, version, signers):
    """The model in a folder that one of `signers` has signed; raises ValueError for any other."""
    statement, signature = (files.get(name) for name in BESIDE)
    if statement is None or signature is None:
        raise ValueError("the folder is not signed")
    if not any(signed_by(key, signature, statement) for key in signers.values()):
        raise ValueError("nobody whom we know has signed it")
    found = {name: hashlib.sha256(content).hexdigest() for name, content in files.items() if name not in BESIDE}
    if found != json.loads(statement)["files"]:
        raise ValueError("the files are not those that were signed")
    return pickle.loads(files["model.pkl"])


def signed_by(key, signature, content):
    """Whether a signature is by the owner of this public key."""
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, content)
    except InvalidSignature:
        return False
    return True
