# A slip is good until its own end, whatever has become of the key that it was made with.
# loses: theory

# %% id="theory-door"
def theory_door(roles, grants, credential, right, now):
    """401: this opens nothing; 403: not for you; 200: come in."""
    if credential["token_ends"] is None:
        dead = credential["revoked"] or now >= credential["ends"]
    else:
        dead = now >= credential["token_ends"]
    if dead:
        return 401
    granted = any(right in grants.get(role, []) for role in roles.get(credential["person"], []))
    return 200 if granted and (credential["scopes"] is None or right in credential["scopes"]) else 403
