# Types the figures in by hand, as they once stood on the screen.
# loses: report

# %% id="report-evidence"
evidence = {
    "rights_gone": 20,
    "named": 0.896,
    "stopped_by": ["model-card"],
    "idle": 0.4217,
    "per_thousand": 0.00455,
    "thief_days": 2,
}
