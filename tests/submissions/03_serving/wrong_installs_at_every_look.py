# Installs the champion again at each look, whether it stands there or not, and forgets what was refused.
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
        shelf.refused = str(problem)
        return
    try:
        install(shelf, champion.version, champion.model)
    except ValueError as problem:
        shelf.refused = str(problem)
