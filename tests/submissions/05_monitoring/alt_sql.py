# Right, by another road: the join in SQL, as the store of lib does it; bins by pandas.

# %% id="theory-psi"
def theory_psi(reference, window, edges):
    """The PSI of two lists of numbers, and the bin that contributes most."""
    bins = [-np.inf, *edges, np.inf]
    r, w = (
        pd.cut(pd.Series(rows), bins, right=False).value_counts(sort=False, normalize=True).clip(lower=FLOOR).to_numpy()
        for rows in (reference, window)
    )
    parts = (w - r) * (np.log(w) - np.log(r))
    return float(parts.sum()), int(np.argmax(parts))


# %% id="code-late-labels"
def performance(predictions, labels, today):
    """How the mature predictions did, as far as is known `today`: mature, labelled, coverage, error in EUR."""
    import duckdb

    with duckdb.connect() as base:
        base.register("lines", predictions.assign(place=range(len(predictions))))
        base.register("said", labels)
        rows = base.execute(
            """
            WITH asked AS (
                SELECT request, arg_min(day, place) AS day, arg_min(band, place) AS band,
                    arg_min(predicted, place) AS predicted
                FROM lines GROUP BY request),
            told AS (
                SELECT a.request, count(DISTINCT s.price_eur) AS prices, min(s.price_eur) AS price
                FROM asked a JOIN said s ON s.request = a.request AND s.known_on BETWEEN a.day AND $today
                GROUP BY a.request)
            SELECT band, count(*), count(price) FILTER (prices = 1),
                avg(abs(predicted - price)) FILTER (prices = 1)
            FROM asked LEFT JOIN told USING (request) WHERE day <= $today - $mature GROUP BY band
            """,
            {"today": int(today), "mature": MATURE},
        ).fetchall()
    mature, labelled = sum(row[1] for row in rows), sum(row[2] for row in rows)
    enough = bool(rows) and min(row[2] for row in rows) >= FEW
    return {
        "mature": mature,
        "labelled": labelled,
        "coverage": labelled / mature if mature else 0.0,
        "error": sum(row[1] * row[3] for row in rows) / mature if enough else None,
    }
