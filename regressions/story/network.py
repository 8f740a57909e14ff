"""An LSTM over the window of returns, as SB3's features extractor."""

from __future__ import annotations

import torch
from gymnasium import spaces
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from torch import nn

from .market import WINDOW

_OTHERS = 2  # position and equity


class PriceFeatures(BaseFeaturesExtractor):
    """What an LSTM makes of the returns, beside position and equity.

    Args:
        observation_space: of `Market`.
        hidden: units of the LSTM.
    """

    def __init__(self, observation_space: spaces.Box, hidden: int = 8) -> None:
        super().__init__(observation_space, features_dim=hidden + _OTHERS)
        self.norm = nn.LayerNorm(WINDOW)
        self.memory = nn.LSTM(input_size=1, hidden_size=hidden, batch_first=True)

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        """Returns features `(batch, hidden + 2)` of observations `(batch, WINDOW + 2)`."""
        returns, others = observations[:, :WINDOW], observations[:, WINDOW:]
        sequence = self.norm(returns).unsqueeze(-1)
        _, (last, _) = self.memory(sequence)
        return torch.cat([last.squeeze(0), others], dim=1)
