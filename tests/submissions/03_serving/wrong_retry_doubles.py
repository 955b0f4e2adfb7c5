# Appends what it found, at each run.
# loses: code

# %% id="code-partition"
def score_day(file, day, version):
    """Value the houses of one day; may run again at any time. Returns how many got a price."""
    with duckdb.connect(file) as database:
        database.begin()
        rows = database.execute("SELECT * FROM houses WHERE day = ?", [day]).df()
        found = valued(rows, version)
        priced = "INSERT INTO valuations SELECT house, day, ?, price FROM found WHERE reason IS NULL"
        database.execute(priced, [version])
        database.execute("INSERT INTO rejects SELECT house, day, reason FROM found WHERE reason IS NOT NULL")
        database.commit()
    return int(found["reason"].isna().sum())
