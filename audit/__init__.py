"""What Stable-Baselines3 preserves of a run, and what `resume` does: asked by the instrument.

The only place that joins the two packages for this question; neither knows the other.
"""
