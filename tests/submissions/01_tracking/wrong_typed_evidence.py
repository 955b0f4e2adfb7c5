# Types the evidence into the report, copied from yesterday's run.
# loses: report

# %% id="report-evidence"
evidence = {
    "run_id": "b7d5f1f0c2a94a6f8d1f3c5e7a9b0c1d",
    "validation_rmse": 36412.7,
    "data_digest": "ac4572f354f0fb19ad66268c867de2dd",
    "study_rmse": 35871.2,
}
