# Leaves out the bins that are empty on one side, which are those that moved most.
# loses: theory

# %% id="theory-psi"
def theory_psi(reference, window, edges):
    """The PSI of two lists of numbers, and the bin that contributes most."""
    places = [np.searchsorted(edges, rows, side="left") for rows in (reference, window)]
    r, w = (np.bincount(each, minlength=len(edges) + 1) / len(each) for each in places)
    both = (r > 0) & (w > 0)
    parts = np.where(both, (w - r) * np.log(np.where(both, w, 1) / np.where(both, r, 1)), 0.0)
    return float(parts.sum()), int(parts.argmax())
