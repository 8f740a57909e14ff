"""State of one live run put into another, in place: where each difference goes, and how.

Imports `state` and `core`.
"""
