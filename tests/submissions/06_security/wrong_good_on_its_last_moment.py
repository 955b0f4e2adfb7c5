# At its end a key still opens.
# loses: theory

# %% id="theory-door"
def theory_door(roles, grants, credential, right, now):
    """401: this opens nothing; 403: not for you; 200: come in."""
    ends = [credential["ends"], credential["token_ends"]]
    if credential["revoked"] or any(end is not None and now > end for end in ends):
        return 401
    scopes = credential["scopes"]
    granted = any(right in grants.get(role, []) for role in roles.get(credential["person"], []))
    return 200 if granted and (scopes is None or right in scopes) else 403
