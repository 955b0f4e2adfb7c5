"""Serving: a version of a model as an immutable bundle behind HTTP, every answer recorded before it leaves."""
