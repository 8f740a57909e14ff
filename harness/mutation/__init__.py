"""Mutants: loads that lose one thing on purpose, to see whether a check or a test notices.

One operator an entry of a table (`operators`); the matrix of mutants by checks.
Imports `verdicts` and all below, never `fuzzing`.
"""
