"""DistributionalPPO: the loop, the rollout, the update, its callbacks.

What trains.
Imports `saving` and all below.
"""
