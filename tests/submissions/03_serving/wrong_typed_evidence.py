# Types the figures in by hand, as they once stood on the screen.
# loses: report

# %% id="report-evidence"
evidence = {
    "answered": 101,
    "first_of_new": "5d41402abc4b2a76b9719d911017c592",
    "policy": [0.9, 12],
    "replica_minutes": 4_350.0,
}
