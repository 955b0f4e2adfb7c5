# Cuts the line into equally wide bins, as a histogram does by itself.
# loses: theory

# %% id="theory-psi"
def theory_psi(reference, window, edges):
    """The PSI of two lists of numbers, and the bin that contributes most."""
    cuts = np.linspace(min(reference + window), max(reference + window), len(edges) + 2)
    r, w = (np.maximum(np.histogram(rows, cuts)[0] / len(rows), FLOOR) for rows in (reference, window))
    parts = (w - r) * np.log(w / r)
    return float(parts.sum()), int(parts.argmax())
