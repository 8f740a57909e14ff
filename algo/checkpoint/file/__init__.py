"""One checkpoint, one zip: written whole, verified whole; the directory of them.

What touches the disk.
Imports `checkpoint.encoding` and `checkpoint.errors`.
"""
