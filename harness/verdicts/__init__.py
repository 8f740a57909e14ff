"""The checks of a scenario run, judged and told: runner, verdict, record, report.

What turns differences into a word, an exception or a text.
Imports `checks`, `causes` and all below.
"""
