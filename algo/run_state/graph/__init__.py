"""Objects of a live run as plain data and back: what their classes are, the run itself says.

A checkpoint names classes and code; they are looked up among what the live objects reach and are
never imported. No code of a class runs: objects are made empty and given their attributes.
"""
