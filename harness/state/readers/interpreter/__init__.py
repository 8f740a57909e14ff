"""Readers of what CPython keeps in C: iterators, half-run code, locks, queues, buffers, contexts.

One object comes in, its facts, children and bytes go out, as from every reader.
Imports from the readers above and from `core`, never a framework.
"""
