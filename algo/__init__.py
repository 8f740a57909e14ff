"""Distributional PPO whose checkpoints resume bit for bit."""
