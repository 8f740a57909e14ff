"""Critic heads: what a value prediction is, how it is scored and how far it may move.

A head is a linear layer that maps the latent of the value network to its own outputs (one value,
quantiles or logits of atoms) and the only place that knows what they mean.

Legend of shape suffixes: ``b`` batch, ``k`` atoms.
"""

from typing import Protocol, final

import torch
from torch import Tensor, nn

from ..maths.losses import categorical_loss, check_batch, resample, scalar_loss, translate_two_hot
from ..maths.quantiles import quantile_huber_loss
from ..maths.validation import POSITIVE, Interval, require_number, require_whole


class CriticHead(Protocol):
    """The interface of a critic head; implementations are ``torch.nn`` modules."""

    def forward(self, latent: Tensor, /) -> Tensor:
        """Maps the latent ``(batch, latent_dim)`` to outputs ``(batch, n_outputs)``."""

    def value(self, outputs: Tensor) -> Tensor:
        """Expected value of each sample, ``(batch,)``."""

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Loss of each sample against its scalar target, ``(batch,)``."""

    def clipped(self, outputs: Tensor, old_outputs: Tensor, clip_range: float) -> Tensor:
        """Outputs that moved at most ``clip_range`` away from the old ones."""

    def adapt_support(self, targets: Tensor) -> None:
        """Makes room for targets ``(batch,)``; nothing to do for an unbounded critic."""

    def rescale(self, scale: float, shift: float) -> None:
        """Corrects the weights so that every value ``v`` becomes ``v * scale + shift``."""


@torch.no_grad()
def _rescale_outputs(head: nn.Linear, scale: float, shift: float) -> None:
    """Every output of the layer becomes ``output * scale + shift``."""
    head.weight.mul_(scale)
    head.bias.mul_(scale).add_(shift)


def _clip_outputs(outputs: Tensor, old_outputs: Tensor, clip_range: float) -> Tensor:
    """Limit the move of each output on its own."""
    return old_outputs + (outputs - old_outputs).clamp(-clip_range, clip_range)


@final
class ScalarHead(nn.Linear):
    """One value per state, trained on the squared error, as in plain PPO.

    Args:
        latent_dim: Size of the value network's latent.
    """

    def __init__(self, latent_dim: int) -> None:
        super().__init__(latent_dim, 1)

    def value(self, outputs: Tensor) -> Tensor:
        """The value itself, ``(batch,)``."""
        return outputs[:, 0]

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Squared error of each sample, ``(batch,)``."""
        return scalar_loss(outputs[:, 0], targets)

    def clipped(self, outputs: Tensor, old_outputs: Tensor, clip_range: float) -> Tensor:
        """The value moves at most ``clip_range`` from its old value."""
        return _clip_outputs(outputs, old_outputs, clip_range)

    def adapt_support(self, targets: Tensor) -> None:
        """Does nothing: a scalar is unbounded."""

    def rescale(self, scale: float, shift: float) -> None:
        """Every output becomes ``output * scale + shift``; van Hasselt et al. 2016, eq. 5."""
        _rescale_outputs(self, scale, shift)


@final
class QuantileHead(nn.Linear):
    """Equally likely quantiles of the return, trained on the quantile Huber loss.

    The quantiles are not sorted: each is trained for its own level.

    Args:
        latent_dim: Size of the value network's latent.
        n_quantiles: Number of quantiles, at the midpoint levels.
        kappa: Threshold of the Huber loss, in units of the target.

    Raises:
        ValueError: If an argument is outside its range.

    Source: Dabney et al. 2018 (https://arxiv.org/abs/1710.10044).
    """

    _shares: Tensor

    def __init__(self, latent_dim: int, n_quantiles: int = 32, kappa: float = 1.0) -> None:
        n_quantiles = require_whole("n_quantiles", n_quantiles, 1)
        super().__init__(latent_dim, n_quantiles)
        self.kappa = require_number("kappa", kappa, POSITIVE)
        # a constant of n_quantiles: for small batches a product is a third of a mean's cost
        shares = torch.full((n_quantiles,), 1.0 / n_quantiles)
        self.register_buffer("_shares", shares, persistent=False)

    def value(self, outputs: Tensor) -> Tensor:
        """Mean of the quantiles, ``(batch,)``."""
        return outputs @ self._shares

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Quantile Huber loss of each sample, ``(batch,)``."""
        return quantile_huber_loss(outputs, targets, self.kappa)

    def clipped(self, outputs: Tensor, old_outputs: Tensor, clip_range: float) -> Tensor:
        """Each quantile moves at most ``clip_range`` from its own old value."""
        return _clip_outputs(outputs, old_outputs, clip_range)

    def adapt_support(self, targets: Tensor) -> None:
        """Does nothing: quantiles are unbounded."""

    def rescale(self, scale: float, shift: float) -> None:
        """Every output becomes ``output * scale + shift``; van Hasselt et al. 2016, eq. 5."""
        _rescale_outputs(self, scale, shift)


@final
class CategoricalHead(nn.Linear):
    """Probabilities of evenly spaced atoms, trained on the cross-entropy of two-hot targets.

    The range ``v_min``, ``v_max`` is the only state of the support: the atoms are computed from
    it, so that the two cannot disagree after a load or an exchange.

    Args:
        latent_dim: Size of the value network's latent.
        n_atoms: Number of atoms.
        v_min: First atom at the start, in units of the return.
        v_max: Last atom at the start, in units of the return.

    Raises:
        ValueError: If an argument is outside its range.

    Source: Bellemare et al. 2017 (https://arxiv.org/abs/1707.06887).
    """

    MARGIN = 0.1
    v_min: Tensor
    v_max: Tensor
    _fractions: Tensor

    def __init__(
        self, latent_dim: int, n_atoms: int = 51, v_min: float = -10.0, v_max: float = 10.0
    ) -> None:
        n_atoms = require_whole("n_atoms", n_atoms, 2)
        low = require_number("v_min", v_min)
        high = require_number("v_max", v_max, Interval(low=low, open_low=True))
        super().__init__(latent_dim, n_atoms)
        self.register_buffer("v_min", torch.tensor(low))
        self.register_buffer("v_max", torch.tensor(high))
        # a constant of n_atoms, registered only to follow the module to its device
        self.register_buffer("_fractions", torch.linspace(0.0, 1.0, n_atoms), persistent=False)

    @property
    def atoms(self) -> Tensor:
        """The support, ``(n_atoms,)``, from exactly ``v_min`` to exactly ``v_max``."""
        return torch.lerp(self.v_min, self.v_max, self._fractions)

    def value(self, outputs: Tensor) -> Tensor:
        """Mean of the atoms under the predicted probabilities, ``(batch,)``."""
        return outputs.softmax(dim=1) @ self.atoms

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Cross-entropy of each sample with its projected target, ``(batch,)``."""
        return categorical_loss(outputs, targets, self.atoms)

    def clipped(self, outputs: Tensor, old_outputs: Tensor, clip_range: float) -> Tensor:
        """The distribution is translated so that its mean moves at most ``clip_range``.

        Mass that would leave the support stays on its end, so that there the mean may remain
        further away. Old logits are read on the present support, as the new ones are. The
        result are log-probabilities, which are logits too.
        """
        move_b = self.value(outputs) - self.value(old_outputs)
        shift_b = move_b.clamp(-clip_range, clip_range) - move_b
        moved_bk = translate_two_hot(outputs.softmax(dim=1), shift_b, self.atoms)
        # the logarithm of an empty atom would make the loss and its gradient infinite
        return moved_bk.clamp_min(torch.finfo(outputs.dtype).tiny).log()

    @torch.no_grad()
    def rescale(self, scale: float, shift: float) -> None:
        """The support moves with the units, and every probability stays."""
        self.v_min.mul_(scale).add_(shift)
        self.v_max.mul_(scale).add_(shift)

    @torch.no_grad()
    def adapt_support(self, targets: Tensor) -> None:
        """Widens the support where targets fall outside; predictions stay what they mean.

        An end that is exceeded moves to the extreme target and beyond it by ``MARGIN`` times the
        widened range, so that a slow drift does not move it at every update; an end that is not
        exceeded stays. The logits of the new atoms are those of the old ones around them.

        Args:
            targets: Scalar targets, ``(batch,)``.

        Raises:
            ValueError: If a target is not finite; the support is then unchanged.
        """
        check_batch({"targets": targets})
        n_bad = targets.numel() - int(targets.isfinite().sum())
        if n_bad:
            raise ValueError(
                f"expected finite targets, got {n_bad} of {targets.numel()} that are not; "
                "look for NaN or infinite rewards and values"
            )
        old_low, old_high = self.v_min.item(), self.v_max.item()
        low = min(old_low, targets.min().item())
        high = max(old_high, targets.max().item())
        margin = self.MARGIN * (high - low)
        new_low = low - margin if low < old_low else old_low
        new_high = high + margin if high > old_high else old_high
        if (new_low, new_high) != (old_low, old_high):
            self._move_support(new_low, new_high)

    def _move_support(self, low: float, high: float) -> None:
        old = self.atoms.double()
        self.v_min.fill_(low)
        self.v_max.fill_(high)
        mixing, offsets = resample(old, self.atoms.double())
        self.weight.copy_((mixing @ self.weight.double()).to(self.weight.dtype))
        self.bias.copy_((mixing @ self.bias.double() + offsets).to(self.bias.dtype))
