# Lets the refusal of a champion end the server's own watch.
# loses: results
# may lose: report

# %% id="results-opening"
def follow(shelf, name):
    """One look at the registry: what is in Production comes to the shelf, if it passes its self-test."""
    try:
        champion = load(name, settings=settings)
    except UnknownVersion:
        shelf.bundle = None
        return
    except LibError as problem:
        shelf.refused = str(problem)
        return
    if shelf.bundle is not None and shelf.bundle.version == champion.version:
        return
    install(shelf, champion.version, champion.model)
