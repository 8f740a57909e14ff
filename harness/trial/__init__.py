"""One subject under one scenario: its arms, the media between them, the scenarios by default.

What builds, trains, saves and loads; no judgement.
Imports `subjects` and all below.
"""
