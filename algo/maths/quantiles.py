"""Quantile regression of a scalar target, as pure functions.

The target is one return per sample, so no tensor here is larger than ``(batch, n_quantiles)``.

Legend of shape suffixes: ``b`` batch, ``n`` quantiles.
"""

import torch
from torch import Tensor

from .losses import check_batch


def quantile_midpoints(
    n: int, *, dtype: torch.dtype = torch.float32, device: torch.device | str | None = None
) -> Tensor:
    """Levels tau_i = (i + 0.5) / n that n equally likely quantiles stand for.

    Args:
        n: Number of quantiles, at least 1.
        dtype: Floating type of the result.
        device: Device of the result.

    Returns:
        Levels, ``(n,)``, strictly increasing and symmetric around one half.

    Raises:
        ValueError: If ``n`` is below 1.

    Source: Dabney et al. 2018 (https://arxiv.org/abs/1710.10044), lemma 2.
    """
    if n < 1:
        raise ValueError(f"expected at least 1 quantile, got n={n}")
    return (torch.arange(n, dtype=dtype, device=device) + 0.5) / n


def quantile_huber_loss(quantiles: Tensor, targets: Tensor, kappa: float = 1.0) -> Tensor:
    """Quantile Huber loss of each sample, averaged over its quantiles.

    With u = target - quantile_i and L the Huber function of threshold kappa, the mean over i of
    ``|tau_i - 1{u < 0}| L(u) / kappa``.

    Args:
        quantiles: Predicted quantiles, ``(batch, n_quantiles)``, in the order of their levels.
        targets: Scalar targets, ``(batch,)``.
        kappa: Distance beyond which the loss grows linearly, in units of the target.

    Returns:
        Loss of each sample, ``(batch,)``.

    Raises:
        ValueError: If a shape does not fit or ``kappa`` is not positive.

    Source: Dabney et al. 2018 (https://arxiv.org/abs/1710.10044), eq. 9 and 10.
    """
    check_batch({"targets": targets}, {"quantiles": quantiles})
    if not kappa > 0.0:
        raise ValueError(f"expected a positive kappa, got kappa={kappa!r}")
    levels_n = quantile_midpoints(
        quantiles.shape[1], dtype=quantiles.dtype, device=quantiles.device
    )
    error_bn = targets.unsqueeze(1) - quantiles
    # L(u) = c (u - c / 2) with c = u clipped to kappa; the derivative is c, so c may be a constant
    # of the gradient. Times the weight, |tau - 1{u < 0}| c is c / 2 + (tau - 1/2) |c|.
    clipped_bn = error_bn.detach().clamp(-kappa, kappa)
    slope_bn = torch.addcmul(0.5 * clipped_bn, levels_n - 0.5, clipped_bn.abs())
    return (slope_bn * (error_bn - 0.5 * clipped_bn)).mean(dim=1) / kappa


def quantile_huber_slopes(
    quantiles: Tensor, targets: Tensor, levels: Tensor, kappa: float, share: float
) -> tuple[Tensor, Tensor]:
    """The mean of ``quantile_huber_loss`` over a batch, and its gradient without autograd.

    Args:
        quantiles: Predicted quantiles, ``(batch, n)``, of one critic or of several side by side.
        targets: Scalar targets, ``(batch,)``.
        levels: Level of each quantile, less one half, ``(n,)``.
        kappa: As there.
        share: What the gradient is multiplied by; the inverse of the number of quantiles of the
            whole batch gives that of the mean.

    Returns:
        The loss, a 0-d tensor, and slopes, ``(batch, n)``.
    """
    error_bn = targets.unsqueeze(1) - quantiles
    half_bn = error_bn.clamp(-kappa, kappa).mul_(0.5)
    # c / 2 + (tau - 1/2) |c|, with |c| = 2 |c / 2|
    slope_bn = torch.addcmul(half_bn, 2.0 * levels, half_bn.abs())
    loss = (error_bn.sub_(half_bn) * slope_bn).mean() / kappa
    return loss, slope_bn.mul_(-share / kappa)
