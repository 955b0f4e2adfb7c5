# Rounds the number of accounts down, as if the rest came for nothing.
# loses: theory

# %% id="theory-copy"
def theory_copy(answers, requests_a_minute, rows_a_request, rows_an_hour):
    """Hours with one account, and accounts for a day."""
    an_hour = requests_a_minute * 60 * rows_a_request
    if rows_an_hour is not None:
        an_hour = min(an_hour, rows_an_hour)
    return answers / an_hour, max(answers // (24 * an_hour), 1)
