# Somebody with two roles may only what the first one may.
# loses: theory

# %% id="theory-door"
def theory_door(roles, grants, credential, right, now):
    """401: this opens nothing; 403: not for you; 200: come in."""
    ends = [credential["ends"], credential["token_ends"]]
    if credential["revoked"] or any(end is not None and now >= end for end in ends):
        return 401
    scopes = credential["scopes"]
    granted = right in grants.get((roles.get(credential["person"]) or [""])[0], [])
    return 200 if granted and (scopes is None or right in scopes) else 403
