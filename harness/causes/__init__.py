"""From "differs" to the cause: lost state put back into a resumed run, as little as explains it.

The search over what to put back. Imports `trial` and all below, never `checks`.
"""
