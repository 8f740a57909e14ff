"""The registry of stateful parts, and every way in and out of a model that loops over it.

What turns a model into a tree and back; a part that is not in the registry cannot exist.
Imports `run_state`, `networks`, `optim`, `maths` and `checkpoint`.
"""
