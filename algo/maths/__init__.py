"""Formulas as pure functions, and small stateful parts: losses, quantiles, units, penalty.

What needs tensors and numbers only.
Imports nothing of this package.
"""
