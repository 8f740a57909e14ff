"""The instrument: finds the state a checkpoint forgot."""
