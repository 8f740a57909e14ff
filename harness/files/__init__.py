"""Checkpoint files as foreign content: their paths, their entries, and how they are damaged.

What looks at a file without knowing who wrote it; nothing in one is executed but by `contents`.
Imports `core` and `state`.
"""
