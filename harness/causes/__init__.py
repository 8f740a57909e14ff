"""From "differs" to the cause: lost state put back into a resumed run, as little as explains it.

What writes into a live run, and the search over what to write.
Imports `trial` and all below, never `checks`.
"""
