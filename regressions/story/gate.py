"""The system at each of its commits, as the subjects of a gate."""

from __future__ import annotations

from typing import Any

from resumeproof import sb3

from .trader import COMMITS, markets

KNOWN = {
    "sb3": "PPO restores neither environment nor streams",
    "model.journal": "a log of this very run",
}
"""What the gate of the system expects to be lost."""


def subject(commit: str) -> Any:
    """Returns the system at one commit."""
    return sb3(COMMITS[commit], env=markets, policy="MlpPolicy", expected_losses=KNOWN)


good, bad, returned, mended = map(subject, COMMITS)
