"""A script of Stable-Baselines3, killed and restarted."""
