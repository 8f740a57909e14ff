"""The live object graph as bits: capture, snapshot, comparison, and its words.

What reads or compares state; one reader a kind of state, in `readers/`.
Imports `core` only.
"""
