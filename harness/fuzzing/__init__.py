"""Generated scenarios, shrunk, and those that failed, stored.

The only room that knows Hypothesis.
Imports `verdicts` and all below, never `mutation`.
"""
