# Joins what is true at the time and forgets that it had not arrived by then.
# loses: code, results

# %% id="code-point-in-time"
def known(asked, events, ttl_days):
    found = duckdb.sql(f"""
        WITH told AS (
            SELECT asked.row, true_at, eur_per_m2
            FROM asked JOIN events ON events.district = asked.district
                AND true_at <= asked_at AND true_at >= asked_at - to_days({int(ttl_days)})
            QUALIFY row_number() OVER (PARTITION BY asked.row, true_at ORDER BY arrived_at DESC) = 1)
        SELECT eur_per_m2
        FROM asked LEFT JOIN told ON told.row = asked.row AND eur_per_m2 IS NOT NULL
        QUALIFY row_number() OVER (PARTITION BY asked.row ORDER BY true_at DESC NULLS LAST) = 1
        ORDER BY asked.row""")
    return [value for (value,) in found.fetchall()]
