"""UPGD and AdaptiveUPGD: gradient descent that spares, and does not perturb, what is useful.

    u = -g * p                                utility of a parameter, to first order
    U <- b_u U + (1 - b_u) u                  its running mean, bias-corrected by 1 - b_u^t
    s = sigmoid(U_c / max U_c)                the maximum over all parameters of all groups
    p <- p (1 - lr wd) - k lr (d + sigma n) (1 - s)        n ~ N(0, 1)

UPGD: d = g, k = 1. AdaptiveUPGD: d = m_hat / (sqrt(v_hat) + eps), k = 2, so that a parameter of
neutral utility (s = 1/2) takes exactly Adam's step. Where the maximum is not positive, s = 1/2. A
parameter without a gradient takes no part: it keeps its state, and the maximum is without it.

Source: Elsayed & Mahmood, "Addressing Loss of Plasticity and Catastrophic Forgetting in Continual
Learning", ICLR 2024, https://arxiv.org/abs/2404.00781, algorithm 1.
"""

from collections.abc import Sequence
from typing import Any, ClassVar, final

import torch
from torch import Tensor
from torch.optim.optimizer import ParamsT

from ._gated import UtilityGated
from ._upgd_flat import Flat, add_adam_direction
from ._upgd_kernels import Block, compute_adam_denominators


@final
class UPGD(UtilityGated):
    """Utility-based perturbed gradient descent: d = g, a neutral parameter takes half SGD's step.

    Args:
        params: parameters, named parameters or groups; a group may override any of the below.
        lr: step size.
        weight_decay: decoupled; a step shrinks each parameter by the factor 1 - lr * weight_decay.
        beta_utility: decay rate of the utilities, per step of the parameter.
        sigma: standard deviation of the noise, in units of the gradient.
        early_gate: compare the corrected utilities with the greatest uncorrected one, as the
            authors' code does: in the first 1 / (1 - beta_utility) steps the gate is nearly 0 or 1.
        seed: of the noise; None draws one from torch's default stream, so that it follows the
            run's seed and no two optimizers share a stream.

    Raises:
        ValueError: an argument is out of its range; the message holds its value.

    Source: https://arxiv.org/abs/2404.00781, algorithm 1 (global utility, first order).
    """

    invariant_to_gradient_scale: ClassVar[bool] = False
    _moments: ClassVar[tuple[str, ...]] = ()
    _gain: ClassVar[float] = 1.0

    def __init__(
        self,
        params: ParamsT,
        lr: float = 1e-3,
        *,
        weight_decay: float = 1e-3,
        beta_utility: float = 0.999,
        sigma: float = 1e-3,
        early_gate: bool = False,
        seed: int | None = None,
    ) -> None:
        hyper = {"weight_decay": weight_decay, "beta_utility": beta_utility, "sigma": sigma}
        defaults = {"lr": lr, **hyper, "early_gate": early_gate}
        super().__init__(params, defaults, seed)

    def _add_direction(
        self, moves: list[Tensor], block: Block, group: dict[str, Any], _: Sequence[int]
    ) -> None:
        torch._foreach_add_(moves, block.grads, alpha=group["lr"])

    def _add_flat_direction(self, flat: Flat, group: dict[str, Any], step: int) -> None:
        flat.move.add_(flat.grad, alpha=group["lr"])


@final
class AdaptiveUPGD(UtilityGated):
    """UPGD along Adam's direction, with twice the step: a neutral parameter takes Adam's step.

    Args:
        params: parameters, named parameters or groups; a group may override any of the below.
        lr: step size.
        betas: decay rates of the gradient's first and second moment.
        eps: added to the root of the second moment.
        weight_decay: decoupled; a step shrinks each parameter by the factor 1 - lr * weight_decay.
        beta_utility: decay rate of the utilities, per step of the parameter.
        sigma: standard deviation of the noise, in units of Adam's direction.
        early_gate: compare the corrected utilities with the greatest uncorrected one, as the
            authors' code does: in the first 1 / (1 - beta_utility) steps the gate is nearly 0 or 1.
        seed: of the noise; None draws one from torch's default stream.

    Raises:
        ValueError: an argument is out of its range; the message holds its value.

    Source: https://arxiv.org/abs/2404.00781, section 6 and the authors' code for reinforcement
        learning; Kingma & Ba, https://arxiv.org/abs/1412.6980, algorithm 1.
    """

    invariant_to_gradient_scale: ClassVar[bool] = True
    _moments: ClassVar[tuple[str, ...]] = ("exp_avg", "exp_avg_sq")
    _gain: ClassVar[float] = 2.0

    def __init__(
        self,
        params: ParamsT,
        lr: float = 1e-3,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-5,
        weight_decay: float = 1e-3,
        beta_utility: float = 0.999,
        sigma: float = 1e-3,
        early_gate: bool = False,
        seed: int | None = None,
    ) -> None:
        hyper = {"weight_decay": weight_decay, "beta_utility": beta_utility, "sigma": sigma}
        defaults = {"lr": lr, "betas": betas, "eps": eps, **hyper, "early_gate": early_gate}
        super().__init__(params, defaults, seed)

    def _add_direction(
        self, moves: list[Tensor], block: Block, group: dict[str, Any], steps: Sequence[int]
    ) -> None:
        betas = group["betas"]
        denominators = compute_adam_denominators(block, betas, group["eps"], steps)
        scales = [group["lr"] / (1 - betas[0] ** step) for step in steps]
        torch._foreach_addcdiv_(moves, block.moments[0], denominators, scales)

    def _add_flat_direction(self, flat: Flat, group: dict[str, Any], step: int) -> None:
        add_adam_direction(flat, group["betas"], group["eps"], group["lr"], step)
