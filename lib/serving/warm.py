"""Imports what a server needs, and nothing else: for processes that are forked from one that has done so."""


