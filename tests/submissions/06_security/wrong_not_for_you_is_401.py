# Does not tell who you are from what you may: all that is refused is a 401.
# loses: theory

# %% id="theory-door"
def theory_door(roles, grants, credential, right, now):
    """401: this opens nothing; 403: not for you; 200: come in."""
    ends = [credential["ends"], credential["token_ends"]]
    alive = not credential["revoked"] and all(end is None or now < end for end in ends)
    scopes = credential["scopes"]
    granted = any(right in grants.get(role, []) for role in roles.get(credential["person"], []))
    return 200 if alive and granted and (scopes is None or right in scopes) else 401
