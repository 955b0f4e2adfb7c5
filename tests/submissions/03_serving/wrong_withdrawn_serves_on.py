# Serves the last champion on after it was withdrawn.
# loses: results

# %% id="results-opening"
def follow(shelf, name):
    """One look at the registry: what is in Production comes to the shelf, if it passes its self-test."""
    try:
        champion = load(name, settings=settings)
    except UnknownVersion:
        return
    except LibError as problem:
        shelf.refused = str(problem)
        return
    if shelf.bundle is not None and shelf.bundle.version == champion.version:
        return
    try:
        install(shelf, champion.version, champion.model)
        shelf.refused = None
    except ValueError as problem:
        shelf.refused = str(problem)
