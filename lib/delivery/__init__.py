"""Delivery: the pipeline from data to production, smoke tests, and continuous training."""
