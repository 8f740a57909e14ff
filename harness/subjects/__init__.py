"""What can be put under test: the protocol, and one file a framework.

What knows a framework, or how a user's functions want to be called.
Imports `core`, `state` and `files`.
"""
