"""Monitoring: how the model does in production, what moved, who is told, and what is done about it."""
