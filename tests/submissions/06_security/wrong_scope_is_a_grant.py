# Takes what a slip says for what its bearer may: a scope gives the right.
# loses: theory

# %% id="theory-door"
def theory_door(roles, grants, credential, right, now):
    """401: this opens nothing; 403: not for you; 200: come in."""
    ends = [credential["ends"], credential["token_ends"]]
    if credential["revoked"] or any(end is not None and now >= end for end in ends):
        return 401
    if credential["scopes"] is not None:
        return 200 if right in credential["scopes"] else 403
    granted = any(right in grants.get(role, []) for role in roles.get(credential["person"], []))
    return 200 if granted else 403
