# Types the figures in by hand, as they once stood on the screen.
# loses: report

# %% id="report-evidence"
evidence = {
    "asked_for": [1, 3, 6, 3],
    "taken_back_by": "5d41402abc4b2a76b9719d911017c5925d41402a",
    "lost": 0,
    "trained_on": [43, 88],
}
