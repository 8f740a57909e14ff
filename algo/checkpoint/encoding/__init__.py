"""A tree of known values as tagged JSON and blocks of memory, and back; a type is one row.

The closed schema; nothing here opens a file.
Imports `checkpoint.errors` only.
"""
