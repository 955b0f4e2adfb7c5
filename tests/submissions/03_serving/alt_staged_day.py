# Right, by another road: a staged table in pandas, put in place by one transaction in SQL text.

# %% id="code-partition"
def score_day(file, day, version):
    """Value the houses of one day; may run again at any time. Returns how many got a price."""
    database = duckdb.connect(file)
    try:
        houses = database.sql("FROM houses").df()
        done = valued(houses[houses["day"].astype(str).str[:10] == day], version)
        good, bad = done[done["price"].notna()], done[done["price"].isna()]
        staged = pd.DataFrame({"house": good["house"], "day": day, "version": version, "price": good["price"]})
        refused = bad[["house", "day", "reason"]]
        database.execute("BEGIN TRANSACTION")
        try:
            for table, frame in (("valuations", "staged"), ("rejects", "refused")):
                database.execute(f"DELETE FROM {table} WHERE day = CAST($1 AS DATE)", [day])
                database.execute(f"INSERT INTO {table} BY NAME FROM {frame}")
        except BaseException:
            database.execute("ROLLBACK")
            raise
        database.execute("COMMIT")
        return len(good)
    finally:
        database.close()


# %% id="code-autoscale"
def choose(days, service_s, slo_s):
    """The cheapest (target, minimum) that keeps the promise on `days`, or None."""
    if not service_s < slo_s:
        return None
    weights = np.array([sum(load) for load in days])
    best, least = None, np.inf
    for minimum in sorted(MINIMUMS):
        for target in sorted(TARGETS, reverse=True):
            replays = [one_day(load, target, minimum, slo_s - service_s) for load in days]
            cost = sum(each.replica_minutes for each in replays)
            if cost < least and np.average([each.late for each in replays], weights=weights) <= LATE:
                best, least = [target, minimum], cost
    return best
