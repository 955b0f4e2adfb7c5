"""Governance: who may do what, and a trail of what was done that shows when somebody changes it."""
