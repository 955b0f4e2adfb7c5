"""Proves from the outside how good the grading of a module is: what keeps its points, what loses them, what gets by."""
