"""Per-sample losses of the policy and of the critics, as pure functions.

Every function takes one row per sample and returns one number per sample, so that the caller
decides how samples are weighted, clipped against each other and averaged.

Legend of shape suffixes: ``b`` batch, ``k`` atoms.
"""

import math

import torch
from torch import Tensor

EMPTY = 9.0
"""How far below its neighbour the logit of an atom begins where nothing was predicted."""


def check_batch(vectors: dict[str, Tensor], matrices: dict[str, Tensor] | None = None) -> None:
    """Accepts only tensors that describe the same, non-empty set of samples.

    A mask that is applied to some of the tensors of a loss and not to the others is the usual
    cause of a mismatch; where broadcasting would hide it, it is an error here.

    Args:
        vectors: By name, tensors that must have the shape ``(batch,)``.
        matrices: By name, tensors that must have the shape ``(batch, n)``.

    Raises:
        ValueError: If a shape has another number of dimensions, if the leading dimensions
            differ, or if the batch is empty; every shape is in the message.
    """
    tensors = vectors if matrices is None else {**vectors, **matrices}
    dims_fit = all(tensor.dim() == 1 for tensor in vectors.values()) and all(
        tensor.dim() == 2 for tensor in (matrices or {}).values()
    )
    if dims_fit:
        sizes = {tensor.shape[0] for tensor in tensors.values()}
        if len(sizes) == 1 and 0 not in sizes:
            return
    got = ", ".join(f"{name} {tuple(tensor.shape)}" for name, tensor in tensors.items())
    expected = ", ".join(
        [f"{name} (batch,)" for name in vectors] + [f"{name} (batch, n)" for name in matrices or {}]
    )
    raise ValueError(
        f"expected {expected} with one batch size of at least 1, got {got}; "
        "apply the same mask to every tensor of a per-sample loss"
    )


def project_two_hot(targets: Tensor, atoms: Tensor) -> Tensor:
    """Spread each target over its two neighbouring atoms so that the mean is the target.

    A target outside the support is first clamped to its nearest end.

    Args:
        targets: Scalar targets, ``(batch,)``.
        atoms: Strictly increasing support, ``(n_atoms,)`` with at least two atoms.

    Returns:
        Probabilities, ``(batch, n_atoms)``; every row sums to one.

    Raises:
        ValueError: If a shape does not fit.

    Source: Bellemare et al. 2017 (https://arxiv.org/abs/1707.06887), eq. 7, for a target
        distribution that is a single point.
    """
    check_batch({"targets": targets})
    if atoms.dim() != 1 or atoms.shape[0] < 2:
        raise ValueError(
            f"expected atoms (n_atoms,) with n_atoms of at least 2, got {tuple(atoms.shape)}"
        )
    clamped_b = targets.clamp(atoms[0], atoms[-1])
    upper_b = torch.searchsorted(atoms, clamped_b, right=True).clamp(1, atoms.shape[0] - 1)
    lower_b = upper_b - 1
    share_b = (clamped_b - atoms[lower_b]) / (atoms[upper_b] - atoms[lower_b])
    weights_bk = torch.zeros(
        targets.shape[0], atoms.shape[0], dtype=atoms.dtype, device=atoms.device
    )
    weights_bk.scatter_(1, lower_b.unsqueeze(1), (1.0 - share_b).unsqueeze(1))
    return weights_bk.scatter_(1, upper_b.unsqueeze(1), share_b.unsqueeze(1))


def translate_two_hot(probabilities: Tensor, shift: Tensor, atoms: Tensor) -> Tensor:
    """Moves each distribution along its support, sharing moved mass between two neighbours.

    Inside the support the mean moves by exactly the shift; mass that would leave the support
    stays on its end. A shift of zero changes no bit.

    Args:
        probabilities: Mass of each atom, ``(batch, n_atoms)``.
        shift: Distance that each sample's mass moves, ``(batch,)``, in units of the atoms.
        atoms: Evenly spaced, increasing support, ``(n_atoms,)`` with at least two atoms.

    Returns:
        Moved mass, ``(batch, n_atoms)``; differentiable in the mass and in the shift.

    Raises:
        ValueError: If a shape does not fit.

    Source: Bellemare et al. 2017 (https://arxiv.org/abs/1707.06887), eq. 7.
    """
    check_batch({"shift": shift}, {"probabilities": probabilities})
    last = atoms.shape[0] - 1
    steps_b = shift * last / (atoms[-1] - atoms[0])
    indices_k = torch.arange(last + 1, dtype=atoms.dtype, device=atoms.device)
    positions_bk = (indices_k + steps_b.unsqueeze(1)).clamp(0, last)
    lower_bk = positions_bk.detach().floor().clamp(max=last - 1).long()
    share_bk = positions_bk - lower_bk
    moved_bk = torch.zeros_like(probabilities)
    moved_bk = moved_bk.scatter_add(1, lower_bk, probabilities * (1.0 - share_bk))
    return moved_bk.scatter_add(1, lower_bk + 1, probabilities * share_bk)


def resample(old: Tensor, new: Tensor) -> tuple[Tensor, Tensor]:
    """How logits on one support give logits on another, linearly, so that a layer can be changed.

    A new atom takes the mean logit of the old ones around it, weighted by a hat as wide as the
    coarser spacing, and mass in proportion to how many they are. Beyond the old support it takes
    the logit of the nearest end less ``EMPTY``: nothing was predicted there, but can be learned.
    The mean of a smooth distribution stays to a fraction of a spacing.

    Args:
        old: Evenly spaced, increasing support, ``(n_atoms,)``.
        new: Another one, of the same number of atoms.

    Returns:
        A matrix ``(n_atoms, n_atoms)`` and offsets ``(n_atoms,)``: ``new logits = matrix @ old
        logits + offsets``.
    """
    width = torch.maximum(old[1] - old[0], new[1] - new[0])
    hats_kj = (1.0 - (new.unsqueeze(1) - old).abs() / width).clamp_min(0.0)
    cover_k = hats_kj.sum(dim=1)
    nearest_kj = torch.zeros_like(hats_kj)
    nearest_kj.scatter_(1, (new.unsqueeze(1) - old).abs().argmin(dim=1, keepdim=True), 1.0)
    is_covered = cover_k > math.exp(-EMPTY)
    matrix_kj = torch.where(
        is_covered.unsqueeze(1), hats_kj / cover_k.clamp_min(1e-300).unsqueeze(1), nearest_kj
    )
    offsets_k = torch.where(is_covered, cover_k.clamp_min(1e-300).log(), -EMPTY)
    return matrix_kj, offsets_k


def categorical_loss(logits: Tensor, targets: Tensor, atoms: Tensor) -> Tensor:
    """Cross-entropy between the two-hot projection of each target and the prediction.

    Args:
        logits: Unnormalised log-probabilities, ``(batch, n_atoms)``.
        targets: Scalar targets, ``(batch,)``.
        atoms: Strictly increasing support, ``(n_atoms,)``.

    Returns:
        Loss of each sample, ``(batch,)``.

    Raises:
        ValueError: If a shape does not fit.

    Source: Bellemare et al. 2017 (https://arxiv.org/abs/1707.06887), algorithm 1.
    """
    check_batch({"targets": targets}, {"logits": logits})
    if logits.shape[1:] != atoms.shape:
        raise ValueError(
            f"expected one logit per atom, got logits {tuple(logits.shape)} "
            f"and atoms {tuple(atoms.shape)}"
        )
    return -(project_two_hot(targets, atoms) * logits.log_softmax(dim=-1)).sum(dim=-1)


def scalar_loss(values: Tensor, targets: Tensor) -> Tensor:
    """Squared error of each sample, without a factor of one half.

    Args:
        values: Predicted values, ``(batch,)``.
        targets: Scalar targets, ``(batch,)``.

    Returns:
        Loss of each sample, ``(batch,)``.

    Raises:
        ValueError: If a shape does not fit.

    Source: Schulman et al. 2017 (https://arxiv.org/abs/1707.06347), the L^VF of eq. 9.
    """
    check_batch({"values": values, "targets": targets})
    return (values - targets).square()


def ppo_policy_loss(advantages: Tensor, ratio: Tensor, clip_range: float) -> Tensor:
    """Negative clipped surrogate objective of each sample.

    Args:
        advantages: Advantage of the action taken, ``(batch,)``.
        ratio: New over old probability of the action taken, ``(batch,)``.
        clip_range: Largest useful distance of the ratio from one.

    Returns:
        Loss of each sample, ``(batch,)``.

    Raises:
        ValueError: If a shape does not fit.

    Source: Schulman et al. 2017 (https://arxiv.org/abs/1707.06347), eq. 7.
    """
    check_batch({"advantages": advantages, "ratio": ratio})
    clipped_b = ratio.clamp(1.0 - clip_range, 1.0 + clip_range)
    return -torch.minimum(advantages * ratio, advantages * clipped_b)


def approximate_kl(log_ratio: Tensor) -> Tensor:
    """Estimate KL(old, new) from actions of the old policy; never negative, unbiased.

    Args:
        log_ratio: New minus old log-probability of the action taken, ``(batch,)``.

    Returns:
        Mean over the batch of ``(r - 1) - log r``, a 0-d tensor, in nats.

    Raises:
        ValueError: If a shape does not fit.

    Source: http://joschu.net/blog/kl-approx.html, estimator k3; the same expression as in
        stable_baselines3/ppo/ppo.py.
    """
    check_batch({"log_ratio": log_ratio})
    return ((log_ratio.exp() - 1) - log_ratio).mean()
