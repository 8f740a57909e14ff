"""Choosing and scoring actions without ``Distribution`` objects, as functions of tensors.

Random numbers come from torch's global generator and from nowhere else.

Legend of shape suffixes: ``b`` batch, ``a`` actions (choices, or dimensions of a Box).
"""

import math

import torch
from torch import Tensor

from ..maths.losses import check_batch

_LOG_ROOT_TAU = 0.5 * math.log(2.0 * math.pi)


def sample_categorical(log_probs: Tensor) -> Tensor:
    """Draws one choice per row, by a race of exponential clocks.

    One exponential number per choice is drawn; the first clock to ring, with rates equal to the
    probabilities, is the choice.

    Args:
        log_probs: Normalised log-probabilities, ``(batch, n_choices)``.

    Returns:
        Choices, ``(batch,)``, int64.

    Source: what ``torch.multinomial`` does for one draw (aten/src/ATen/native/Distributions.cpp),
        without its validation; the same generator state gives the same choice.
    """
    clocks_ba = torch.empty_like(log_probs).exponential_()
    return torch.div(log_probs.exp(), clocks_ba, out=clocks_ba).argmax(dim=1)


def act_categorical(logits: Tensor, deterministic: bool) -> tuple[Tensor, Tensor]:
    """Choices ``(batch,)`` and their log-probabilities ``(batch,)``.

    Args:
        logits: Unnormalised log-probabilities, ``(batch, n_choices)``.
        deterministic: Take the likeliest choice instead of drawing one.
    """
    log_probs_ba = logits.log_softmax(dim=1)
    if deterministic:
        actions_b = log_probs_ba.argmax(dim=1)
    else:
        actions_b = sample_categorical(log_probs_ba.detach())
    return actions_b, log_probs_ba.gather(1, actions_b.unsqueeze(1))[:, 0]


def score_categorical(logits: Tensor, actions: Tensor) -> tuple[Tensor, Tensor]:
    """Log-probabilities of given choices and entropies in nats, ``(batch,)`` each.

    Args:
        logits: Unnormalised log-probabilities, ``(batch, n_choices)``.
        actions: Choices, ``(batch,)``.

    Raises:
        ValueError: If the choices have another shape.
    """
    check_batch({"actions": actions}, {"logits": logits})
    log_probs_ba = logits.log_softmax(dim=1)
    log_prob_b = log_probs_ba.gather(1, actions.long().unsqueeze(1)).squeeze(1)
    # an impossible choice has no share in the entropy, but 0 * -inf would be NaN
    finite_ba = log_probs_ba.clamp_min(torch.finfo(logits.dtype).min)
    return log_prob_b, -(finite_ba * finite_ba.exp()).sum(dim=1)


def gaussian_log_prob(mean: Tensor, log_std: Tensor, std: Tensor, actions: Tensor) -> Tensor:
    """Log-density of actions under independent normals, summed over dimensions.

    Args:
        mean: Means, ``(batch, n_dimensions)``.
        log_std: Logarithms of the standard deviations, ``(n_dimensions,)``.
        std: The standard deviations, ``(n_dimensions,)``.
        actions: Actions, ``(batch, n_dimensions)``.

    Returns:
        Log-density of each action, ``(batch,)``.
    """
    squares_b = ((actions - mean) / std).square().sum(dim=1)
    return -torch.add(log_std.sum() + mean.shape[1] * _LOG_ROOT_TAU, squares_b, alpha=0.5)


def act_gaussian(mean: Tensor, log_std: Tensor, deterministic: bool) -> tuple[Tensor, Tensor]:
    """Actions of independent normals and their log-densities ``(batch,)``.

    The density is that of the action after rounding, not of the noise that it was made from: it
    is the one that ``score_gaussian`` gives the same action later, and NaN if the mean is.

    Args:
        mean: Means, ``(batch, n_dimensions)``.
        log_std: Logarithms of the standard deviations, ``(n_dimensions,)``.
        deterministic: Take the means instead of drawing.

    Returns:
        Actions ``(batch, n_dimensions)`` and the log-density of each, ``(batch,)``.
    """
    std = log_std.exp()
    actions = mean if deterministic else mean + torch.randn_like(mean) * std
    return actions, gaussian_log_prob(mean, log_std, std, actions)


def score_gaussian(mean: Tensor, log_std: Tensor, actions: Tensor) -> tuple[Tensor, Tensor]:
    """Log-densities of given actions and entropies in nats, ``(batch,)`` each.

    Args:
        mean: Means, ``(batch, n_dimensions)``.
        log_std: Logarithms of the standard deviations, ``(n_dimensions,)``.
        actions: Actions, ``(batch, n_dimensions)``.

    Raises:
        ValueError: If the actions have another shape than the means.
    """
    if actions.shape != mean.shape:
        raise ValueError(
            f"expected actions of the shape of their means {tuple(mean.shape)}, "
            f"got {tuple(actions.shape)}"
        )
    entropy = log_std.sum() + mean.shape[1] * (0.5 + _LOG_ROOT_TAU)
    log_prob_b = gaussian_log_prob(mean, log_std, log_std.exp(), actions)
    return log_prob_b, entropy.expand_as(log_prob_b)
