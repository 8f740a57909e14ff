"""VGS, the variance gradient scaler: shorter updates while the gradient is noisier than usual.

Per tensor i, from the raw gradient g_i of its t-th update (no other t counts for it):

    m_i <- b m_i + (1 - b) g_i          q_i <- b q_i + (1 - b) |g_i|^2      both over 1 - b^t
    V_i = max(q_i - |m_i|^2, 0)                                  variance in time, summed in space
    r = sum V_i / (sum |m_i|^2 + tiny sum q_i)                   noise to signal, over all tensors
    R <- c R + (1 - c) r                over 1 - c^u, u updates after the warm-up: the usual noise
    factor = min(max((1 + R) / (1 + r), floor), ceiling)         1 during the warm-up

McCandlish's equation 2.6 gives the best step at noise r as lr_max / (1 + r). A learning rate is
tuned at the noise that the run usually has, so what counts is the step relative to it.

Order: backward, `step(max_grad_norm)`, which observes, scales, clips and steps.

Source: McCandlish et al., "An Empirical Model of Large-Batch Training", 2018,
https://arxiv.org/abs/1812.06162, eq. 2.6 (best step) and 2.9 (noise scale); Faghri et al., "A Study
of Gradient Variance in Deep Learning", 2020, https://arxiv.org/abs/2007.04532.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal, final, get_args

import torch
from torch import Tensor
from torch.nn import Parameter
from torch.nn.utils import clip_grad_norm_
from torch.optim import Optimizer

from ..maths.validation import RATE, require_among, require_number, require_whole
from ._vgs_checks import CEILINGS, FLOORS, check_state, collect_parameters, is_invariant
from ._vgs_kernels import compute_factor, compute_ratio, compute_sq_norms

ApplyTo = Literal["auto", "gradient", "step_size"]


@final
class VarianceGradientScaler:
    """A gradient constant in time gives factor 1; the noisier than usual, the smaller the factor.

    The factor does not depend on the gradient's scale, nor on how it is spread in space. Where the
    optimizer is sensitive to the gradient's scale the gradients are multiplied by it, and where a
    factor on the gradient would cancel (Adam) the learning rate of that one step is. `step()` does
    whichever it is: call it in place of `optimizer.step()`.

    Args:
        named_parameters: what to track, as `module.named_parameters()` gives it.
        optimizer: the optimizer that steps on them.
        beta: decay rate of the gradient's averages, per update of the tensor.
        beta_reference: decay rate of the usual noise, per update.
        floor: least factor.
        ceiling: greatest factor; above 1, updates less noisy than usual are longer.
        warmup_steps: number of first updates, of any tensor, whose factor is 1 and whose noise is
            not yet usual, because the averages are still of few gradients.
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
        beta_reference: float = 0.999,
        floor: float = 0.1,
        ceiling: float = 1.0,
        warmup_steps: int = 500,
        apply_to: ApplyTo = "auto",
    ) -> None:
        require_among("apply_to", apply_to, get_args(ApplyTo))
        self._tracked = collect_parameters(named_parameters, optimizer)
        self._optimizer = optimizer
        self._scales_step = (
            is_invariant(optimizer) if apply_to == "auto" else apply_to == "step_size"
        )
        self.beta = require_number("beta", beta, RATE)
        self.beta_reference = require_number("beta_reference", beta_reference, RATE)
        self.floor = require_number("floor", floor, FLOORS)
        self.ceiling = require_number("ceiling", ceiling, CEILINGS)
        self.warmup_steps = require_whole("warmup_steps", warmup_steps)
        self.factor, self.n_updates = 1.0, 0
        self._reference, self._n_references = 0.0, 0
        # Kept bias-corrected: the same averages by m <- m + w (g - m), w = (1 - b) / (1 - b^t),
        # whose value for a constant gradient is that gradient to the bit.
        self._exp_avgs = [torch.zeros_like(p) for p in self._tracked.values()]
        self._sq_norms = [0.0] * len(self._tracked)
        self._counts = [0] * len(self._tracked)

    @property
    def tracked(self) -> dict[str, Parameter]:
        """The tracked parameters by name: the very objects, never saved."""
        return dict(self._tracked)

    def step(self, max_grad_norm: float | None = None) -> float:
        """Observes the raw gradients, scales, clips and lets the optimizer step.

        Args:
            max_grad_norm: greatest norm of all the optimizer's gradients together, after the
                scaling; None clips nothing.

        Returns:
            The factor.

        Raises:
            ValueError: a gradient is not finite; nothing has changed.
        """
        sq_norms = self._take_in()
        self._scale_gradients()
        if max_grad_norm is not None:
            self._clip(max_grad_norm, sq_norms)
        with self._scaled_step_size():
            self._optimizer.step()
        return self.factor

    def scale(self) -> float:
        """Observes the raw gradients and scales them, for a loop that steps by itself.

        Raises:
            RuntimeError: the factor belongs on the step size, where only `step()` can put it.
            ValueError: a gradient is not finite; nothing has changed.
        """
        if self._scales_step:
            raise RuntimeError(
                f"expected step() with {type(self._optimizer).__qualname__}, got scale(): a factor "
                "on its gradients would cancel; write scaler.step(max_grad_norm=...) in place of "
                "optimizer.step()"
            )
        self.observe()
        self._scale_gradients()
        return self.factor

    @torch.no_grad()
    def observe(self) -> float:
        """Observes the raw gradients and returns the factor, which it applies to nothing.

        An update at which no tracked tensor has a gradient is none: nothing changes.

        Raises:
            ValueError: a gradient is not finite; nothing has changed.
        """
        self._take_in()
        return self.factor

    @torch.no_grad()
    def _take_in(self) -> list[float]:
        """Observes, and returns |g|^2 of each tracked tensor that has a gradient."""
        active = {i: p.grad for i, p in enumerate(self._tracked.values()) if p.grad is not None}
        if not active:
            return []
        sq_norms = self._observe(list(active), list(active.values()))
        self.n_updates += 1
        self.factor = 1.0 if self.n_updates <= self.warmup_steps else self._compute_factor()
        return sq_norms

    @torch.no_grad()
    def _scale_gradients(self) -> None:
        grads = [p.grad for p in self._tracked.values() if p.grad is not None]
        if grads and self.factor != 1.0 and not self._scales_step:
            torch._foreach_mul_(grads, self.factor)

    @torch.no_grad()
    def _clip(self, max_grad_norm: float, sq_norms: Sequence[float]) -> None:
        """Clips all the optimizer's gradients; of the tracked ones the norm is known already."""
        grouped = [p for group in self._optimizer.param_groups for p in group["params"]]
        grads = [p.grad for p in grouped if p.grad is not None]
        if len(grads) != len(sq_norms):  # some are not tracked
            clip_grad_norm_(grouped, max_grad_norm)
            return
        factor = 1.0 if self._scales_step else self.factor
        limit = max_grad_norm / (factor * math.sqrt(sum(sq_norms)) + 1e-6)
        if limit < 1:
            torch._foreach_mul_(grads, limit)

    def _observe(self, active: list[int], grads: list[Tensor]) -> list[float]:
        """Brings the averages of the active tensors up to date; |g|^2 of each."""
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
        return sq_norms

    def _compute_factor(self) -> float:
        """The factor over all tensors; one that never had a gradient adds 0 to every sum."""
        ratio = compute_ratio(self._sq_norms, compute_sq_norms(self._exp_avgs))
        self._n_references += 1
        weight = (1 - self.beta_reference) / (1 - self.beta_reference**self._n_references)
        self._reference += weight * (ratio - self._reference)
        return compute_factor(ratio, self._reference, floor=self.floor, ceiling=self.ceiling)

    @contextmanager
    def _scaled_step_size(self) -> Iterator[None]:
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
        """Counts, factor, usual noise and averages by parameter name, as copies; no configuration.

        Returns:
            ``{"n_updates": int, "factor": float, "reference": float, "n_references": int,
            "parameters": {name: {"n_updates": int, "exp_avg": Tensor, "exp_avg_sq_norm":
            float}}}``, where `exp_avg` has the shape of the parameter and every average is
            bias-corrected.
        """
        rows = zip(self._tracked, self._counts, self._exp_avgs, self._sq_norms, strict=True)
        parameters = {
            name: {"n_updates": count, "exp_avg": mean.clone(), "exp_avg_sq_norm": sq_norm}
            for name, count, mean, sq_norm in rows
        }
        return {
            "n_updates": self.n_updates,
            "factor": self.factor,
            "reference": self._reference,
            "n_references": self._n_references,
            "parameters": parameters,
        }

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
        self._reference, self._n_references = float(state["reference"]), state["n_references"]
