"""Builds, runs, grades and reports notebook courses; knows nothing of what they teach."""
