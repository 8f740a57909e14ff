"""VGS, the variance gradient scaler: shorter updates while the gradient is noisy in time.

Per tensor i, from the raw gradient g_i of its t-th update (no other t counts for it):

    m_i <- b m_i + (1 - b) g_i          q_i <- b q_i + (1 - b) |g_i|^2      both over 1 - b^t
    V_i = max(q_i - |m_i|^2, 0)                                  variance in time, summed in space
    r = sum V_i / (sum |m_i|^2 + tiny sum q_i)                   noise to signal, over all tensors
    factor = max(1 / (1 + alpha min(r, cap)), floor)             1 during the warm-up

Order: backward, `scale()`, clip, `with scaled_step_size(): optimizer.step()`.

Source: McCandlish et al., "An Empirical Model of Large-Batch Training", 2018,
https://arxiv.org/abs/1812.06162, eq. 2.9 (gradient noise scale); Faghri et al., "A Study of
Gradient Variance in Deep Learning", 2020, https://arxiv.org/abs/2007.04532.
"""

import math
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal, final, get_args

import torch
from torch import Tensor
from torch.nn import Parameter
from torch.optim import Optimizer

from ..maths.validation import (
    NOT_NEGATIVE,
    POSITIVE,
    RATE,
    require_among,
    require_number,
    require_whole,
)
from ._vgs_checks import FACTORS, check_state, collect_parameters, is_invariant

ApplyTo = Literal["auto", "gradient", "step_size"]


def compute_factor(
    sq_norms: Iterable[float],
    mean_sq_norms: Iterable[float],
    *,
    alpha: float,
    cap: float,
    floor: float,
) -> float:
    """The factor of an update, in [floor, 1].

    Args:
        sq_norms: q_i, one for each tensor.
        mean_sq_norms: |m_i|^2, in the same order.
        alpha: how strongly noise shortens the update.
        cap: greatest noise-to-signal ratio that counts.
        floor: least factor.
    """
    noise = signal = 0.0
    for q, mean in zip(sq_norms, mean_sq_norms, strict=True):
        noise += max(q - mean, 0.0)
        signal += mean + sys.float_info.epsilon * q
    ratio = noise / signal if signal > 0 else 0.0
    return max(1 / (1 + alpha * min(ratio, cap)), floor)


def compute_sq_norms(tensors: Sequence[Tensor]) -> list[float]:
    """|x|^2 of each tensor, summed in double precision: neither c x nor 1e-30 x loses its ratio."""
    norms = torch._foreach_norm(list(tensors), 2, torch.float64)
    return [norm * norm for norm in torch.stack(norms).tolist()]


@final
class VarianceGradientScaler:
    """A gradient constant in time gives factor 1; the noisier it is, the smaller the factor.

    The factor does not depend on the gradient's scale, nor on how it is spread in space. Where the
    optimizer is sensitive to the gradient's scale the gradients are multiplied by it, and where a
    factor on the gradient would cancel (Adam) the learning rate of that one step is.

    Args:
        named_parameters: what to track, as `module.named_parameters()` gives it.
        optimizer: the optimizer that steps on them.
        beta: decay rate of the averages, per update of the tensor.
        alpha: how strongly noise shortens the update.
        cap: greatest noise-to-signal ratio that counts.
        floor: least factor.
        warmup_steps: number of first updates, of any tensor, whose factor is 1.
        apply_to: "gradient", "step_size", or "auto", which decides by the optimizer's class.

    Attributes:
        factor: of the last update; 1.0 before the first.

    Raises:
        ValueError: an argument is out of its range, a parameter comes twice or is not the
            optimizer's, or the optimizer is unknown to "auto".
    """

    def __init__(
        self,
        named_parameters: Iterable[tuple[str, Parameter]],
        optimizer: Optimizer,
        *,
        beta: float = 0.99,
        alpha: float = 0.1,
        cap: float = 10.0,
        floor: float = 0.1,
        warmup_steps: int = 10,
        apply_to: ApplyTo = "auto",
    ) -> None:
        require_among("apply_to", apply_to, get_args(ApplyTo))
        self._tracked = collect_parameters(named_parameters, optimizer)
        self._optimizer = optimizer
        self._scales_step = (
            is_invariant(optimizer) if apply_to == "auto" else apply_to == "step_size"
        )
        self.beta = require_number("beta", beta, RATE)
        self.alpha = require_number("alpha", alpha, NOT_NEGATIVE)
        self.cap = require_number("cap", cap, POSITIVE)
        self.floor = require_number("floor", floor, FACTORS)
        self.warmup_steps = require_whole("warmup_steps", warmup_steps)
        self.factor, self.n_updates = 1.0, 0
        # Kept bias-corrected: the same averages by m <- m + w (g - m), w = (1 - b) / (1 - b^t),
        # whose value for a constant gradient is that gradient to the bit.
        self._exp_avgs = [torch.zeros_like(p) for p in self._tracked.values()]
        self._sq_norms = [0.0] * len(self._tracked)
        self._counts = [0] * len(self._tracked)

    @property
    def tracked(self) -> dict[str, Parameter]:
        """The tracked parameters by name: the very objects, never saved."""
        return dict(self._tracked)

    @torch.no_grad()
    def scale(self) -> float:
        """Observes the raw gradients, returns the factor, and applies it where gradients take it.

        An update at which no tracked tensor has a gradient is none: nothing changes.

        Raises:
            ValueError: a gradient is not finite; nothing has changed.
        """
        active = {i: p.grad for i, p in enumerate(self._tracked.values()) if p.grad is not None}
        if not active:
            return self.factor
        grads = list(active.values())
        self._observe(list(active), grads)
        self.n_updates += 1
        self.factor = 1.0 if self.n_updates <= self.warmup_steps else self._compute_factor()
        if self.factor != 1.0 and not self._scales_step:
            torch._foreach_mul_(grads, self.factor)
        return self.factor

    def _observe(self, active: list[int], grads: list[Tensor]) -> None:
        """Brings the averages of the active tensors up to date."""
        sq_norms = compute_sq_norms(grads)
        if not all(map(math.isfinite, sq_norms)):
            names = list(self._tracked)
            wrong = [
                names[i] for i, q in zip(active, sq_norms, strict=True) if not math.isfinite(q)
            ]
            raise ValueError(f"expected finite gradients, got inf or nan in those of {wrong}")
        weights = []
        for i, sq_norm in zip(active, sq_norms, strict=True):
            self._counts[i] += 1
            weights.append((1 - self.beta) / (1 - self.beta ** self._counts[i]))
            self._sq_norms[i] += weights[-1] * (sq_norm - self._sq_norms[i])
        for weight in set(weights):
            rows = [j for j, own in enumerate(weights) if own == weight]
            exp_avgs = [self._exp_avgs[active[j]] for j in rows]
            torch._foreach_lerp_(exp_avgs, [grads[j] for j in rows], weight)

    def _compute_factor(self) -> float:
        """The factor over all tensors; one that never had a gradient adds 0 to every sum."""
        means = compute_sq_norms(self._exp_avgs)
        return compute_factor(
            self._sq_norms, means, alpha=self.alpha, cap=self.cap, floor=self.floor
        )

    @contextmanager
    def scaled_step_size(self) -> Iterator[None]:
        """Within it each group's lr is multiplied by the factor, where it is not on the gradient.

        On leaving, by an exception too, each group has the very lr that it had.
        """
        if self.factor == 1.0 or not self._scales_step:
            yield
            return
        before = [(group, group["lr"]) for group in self._optimizer.param_groups]
        try:
            for group, lr in before:
                group["lr"] = lr * self.factor
            yield
        finally:
            for group, lr in before:
                group["lr"] = lr

    def state_dict(self) -> dict[str, Any]:
        """Counts, factor and averages by parameter name, as copies; no configuration.

        Returns:
            ``{"n_updates": int, "factor": float, "parameters": {name: {"n_updates": int,
            "exp_avg": Tensor, "exp_avg_sq_norm": float}}}``, where `exp_avg` has the shape of the
            parameter and both averages are bias-corrected.
        """
        rows = zip(self._tracked, self._counts, self._exp_avgs, self._sq_norms, strict=True)
        parameters = {
            name: {"n_updates": count, "exp_avg": mean.clone(), "exp_avg_sq_norm": sq_norm}
            for name, count, mean, sq_norm in rows
        }
        return {"n_updates": self.n_updates, "factor": self.factor, "parameters": parameters}

    def check_state_dict(self, state: Mapping[str, Any]) -> None:
        """Refuses a state that does not fit, changing nothing.

        Raises:
            ValueError: lists every name that is missing, extra, or of another shape or type.
        """
        check_state(state, self._tracked)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restores what `state_dict` returned, by name and as a copy; configuration stays.

        Raises:
            ValueError: as `check_state_dict`; nothing is restored.
        """
        self.check_state_dict(state)
        rows = [state["parameters"][name] for name in self._tracked]
        with torch.no_grad():
            for mean, row in zip(self._exp_avgs, rows, strict=True):
                mean.copy_(row["exp_avg"])
        self._counts = [row["n_updates"] for row in rows]
        self._sq_norms = [float(row["exp_avg_sq_norm"]) for row in rows]
        self.n_updates, self.factor = state["n_updates"], float(state["factor"])
