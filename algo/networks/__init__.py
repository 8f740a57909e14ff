"""Policies and their distributional, optionally twin, critics.

What is a `torch.nn.Module`, or helps one to run.
Imports `maths`.
"""
