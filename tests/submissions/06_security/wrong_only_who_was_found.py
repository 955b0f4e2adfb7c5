# Returns the people that it found, not one answer for each row.
# loses: code
# may lose: report

# %% id="code-reidentify"
def named(published, register, by):
    """For each row of `published` the one owner that it can belong to, else None."""
    owners = {}
    for values, owner in zip(register[by].itertuples(index=False, name=None), register["owner"], strict=True):
        owners.setdefault(values, set()).add(owner)
    candidates = [owners.get(values, ()) for values in published[by].itertuples(index=False, name=None)]
    return [next(iter(people)) for people in candidates if len(people) == 1]


def numbers(hashed, salt):
    """For each hash the phone number behind it, else None."""
    known = {}
    for prefix in PREFIXES:
        for digits in range(1000):
            number = f"{prefix}{digits:03d}"
            known[hashlib.sha256((salt + number).encode()).hexdigest()] = number
    return [known.get(digest) for digest in hashed]
