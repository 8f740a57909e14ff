"""Exact resume for the algorithms of Stable-Baselines3 and sb3-contrib, as they are.

A callback in place of `CheckpointCallback`, and `resume(path, env)`.
Imports `saving`, `run_state` and `checkpoint`.
"""
