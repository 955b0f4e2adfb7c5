# Takes an empty form for one that never came: what an agency has taken back is believed on.
# loses: code, results

# %% id="code-point-in-time"
def known(asked, events, ttl_days):
    found = duckdb.sql(f"""
        SELECT eur_per_m2
        FROM asked LEFT JOIN events ON events.district = asked.district AND eur_per_m2 IS NOT NULL
            AND true_at <= asked_at AND arrived_at <= asked_at AND true_at >= asked_at - to_days({int(ttl_days)})
        QUALIFY row_number() OVER (
            PARTITION BY asked.row ORDER BY true_at DESC NULLS LAST, arrived_at DESC NULLS LAST) = 1
        ORDER BY asked.row""")
    return [value for (value,) in found.fetchall()]
