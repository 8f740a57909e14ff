"""Checkpoint files as foreign content: their paths, their entries, and how they are damaged.

What looks at a file without knowing who wrote it; nothing in one is ever executed.
Imports `core` and `state`.
"""
