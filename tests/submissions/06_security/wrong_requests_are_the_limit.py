# Counts requests where rows are counted: a thousand rows fit into one.
# loses: theory

# %% id="theory-copy"
def theory_copy(answers, requests_a_minute, rows_a_request, rows_an_hour):
    """Hours with one account, and accounts for a day."""
    an_hour = requests_a_minute * 60 if rows_an_hour is None else min(requests_a_minute * 60, rows_an_hour)
    return answers / an_hour, math.ceil(answers / (24 * an_hour))
