# A 400 with the exception's text, whatever happened.
# loses: code

# %% id="code-review"
def outcome(problem, request_id):
    """What a client is told about an exception: (status, headers, body)."""
    return 400, {}, {"reason": repr(problem), "request_id": request_id}
