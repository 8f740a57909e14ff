"""What a run is besides its algorithm: random streams, environments, callbacks, logger.

Nothing here knows which algorithm runs, so that any Stable-Baselines3 algorithm can use it.
"""
