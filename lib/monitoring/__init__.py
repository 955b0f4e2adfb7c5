"""Monitoring: what was predicted and what came true, whether the inputs moved, and whether the world did."""
