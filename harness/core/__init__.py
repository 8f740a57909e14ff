"""Nouns without torch: errors, KeyPaths, exclusions, scenarios, random streams, threads.

What every room above needs and nothing that knows a framework.
Imports the standard library and numpy only.
"""
