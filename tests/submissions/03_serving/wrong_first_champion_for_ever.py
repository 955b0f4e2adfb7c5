# Fills an empty shelf, and never looks again.
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
    if shelf.bundle is not None:
        return
    try:
        install(shelf, champion.version, champion.model)
        shelf.refused = None
    except ValueError as problem:
        shelf.refused = str(problem)
