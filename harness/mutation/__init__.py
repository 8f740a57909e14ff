"""Losses made on purpose, to see whether the checks, or a user's own tests, notice.

One operator an entry of a table; the matrix of mutants by checks.
Imports `verdicts` and all below, never `fuzzing`.
"""
