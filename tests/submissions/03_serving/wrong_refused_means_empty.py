# Takes the old one down when the new one is refused.
# loses: results

# %% id="results-opening"
def follow(shelf, name):
    """One look at the registry: what is in Production comes to the shelf, if it passes its self-test."""
    try:
        champion = load(name, settings=settings)
    except UnknownVersion:
        shelf.bundle = None
        return
    except LibError as problem:
        shelf.bundle, shelf.refused = None, str(problem)
        return
    if shelf.bundle is not None and shelf.bundle.version == champion.version:
        return
    try:
        install(shelf, champion.version, champion.model)
        shelf.refused = None
    except ValueError as problem:
        shelf.bundle, shelf.refused = None, str(problem)
