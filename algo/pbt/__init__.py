"""Population based training: members that copy the better ones and explore.

What knows several models.
Imports `ppo` and all below.
"""
