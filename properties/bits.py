"""The settings on which bits depend, for every process of a campaign."""

import torch


def pin_bits() -> None:
    """One thread and deterministic algorithms: other settings give other bits."""
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
