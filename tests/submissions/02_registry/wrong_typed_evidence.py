# Types the figures of the memo in by hand, as they once stood on the screen.
# loses: report

# %% id="report-evidence"
evidence = {"version": 3, "run_id": "0f5c1a2b3c4d5e6f708192a3b4c5d6e7", "gain_eur": 39_607.0, "sequence": 11}
