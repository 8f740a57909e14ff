"""The optimizers and the gradient scaler, each with its kernels and its checks.

What updates parameters.
Imports `maths`.
"""
