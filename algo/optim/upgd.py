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

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, final

import torch
from torch import Tensor
from torch.optim.optimizer import Optimizer, ParamsT

from ..maths.validation import is_whole, require, require_keys
from ._upgd_checks import check_group, check_state_dict, make_generators
from ._upgd_kernels import (
    Block,
    accumulate_utility,
    compute_adam_denominators,
    draw_noise,
    find_peak,
    open_gates,
    scale,
    split_rows,
)

# a flag of torch's own, which its copies lack
_KEPT = ("_warned_capturable_if_run_uncaptured",)


class _UtilityGated(Optimizer, ABC):
    """What both optimizers share: utilities, gate, noise and the generator it comes from."""

    invariant_to_gradient_scale: ClassVar[bool]
    _moments: ClassVar[tuple[str, ...]]
    _gain: ClassVar[float]  # k of the formula

    def __init__(self, params: ParamsT, defaults: dict[str, Any], seed: int | None) -> None:
        if seed is not None:
            require(is_whole(seed, -(2**63)), "seed", seed, "an int or None")
        super().__init__(params, defaults)
        if seed is None:
            seed = int(torch.empty((), dtype=torch.int64).random_().item())
        self._generators = {"cpu": torch.Generator().manual_seed(seed)}

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Adds a group; what it leaves out is as given to the constructor.

        Raises:
            ValueError: a hyper-parameter is out of its range, or a key is not known.
        """
        check_group(param_group, self.defaults)
        super().add_param_group(param_group)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Updates every parameter that has a gradient; returns what the closure returned.

        Raises:
            RuntimeError: a gradient is sparse.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        work = [(group, *self._gather(group)) for group in self.param_groups]
        utilities: list[float] = []
        for group, steps, blocks in work:
            beta = group["beta_utility"]
            for block in blocks:
                maxima = zip(block.owners, accumulate_utility(block, beta), strict=True)
                utilities += [value / (1 - beta ** steps[owner]) for owner, value in maxima]
        peak = find_peak(utilities)
        for group, steps, blocks in work:
            for block in blocks:
                self._descend(block, group, [steps[owner] for owner in block.owners], peak)
        return loss

    def _gather(self, group: dict[str, Any]) -> tuple[list[int], list[Block]]:
        """Step counts, this one included, and tensors of the parameters that have a gradient."""
        pairs = [(p, p.grad) for p in group["params"]]
        active = [(p, grad) for p, grad in pairs if grad is not None and grad.numel()]
        if any(grad.is_sparse for _, grad in active):
            raise RuntimeError(f"{type(self).__name__} expects dense gradients, got a sparse one")
        names = ("avg_utility", *self._moments)
        steps, rows = [], []
        for p, grad in active:
            state = self.state[p]
            if not state:
                state.update({"step": 0, **{name: torch.zeros_like(p) for name in names}})
            state["step"] += 1
            steps.append(state["step"])
            rows.append((p, grad, *[state[name] for name in names]))
        return steps, split_rows(rows)

    def _descend(
        self, block: Block, group: dict[str, Any], steps: Sequence[int], peak: float
    ) -> None:
        """Takes the step of one block, whose utilities are up to date."""
        lr = group["lr"]
        generator = self._choose_generator(block.params[0].device)
        moves = draw_noise(block.params, lr * group["sigma"], generator)
        self._add_direction(moves, block, group, steps)
        gates = open_gates(
            block.utilities, [peak * (1 - group["beta_utility"] ** step) for step in steps]
        )
        if lr * group["weight_decay"] != 0:
            scale(block.params, [1 - lr * group["weight_decay"]] * len(steps))
        torch._foreach_addcmul_(block.params, moves, gates, value=-self._gain)

    @abstractmethod
    def _add_direction(
        self, moves: list[Tensor], block: Block, group: dict[str, Any], steps: Sequence[int]
    ) -> None:
        """Adds lr d to the moves, the moments brought up to date."""

    def _choose_generator(self, device: torch.device) -> torch.Generator:
        """The device's own generator. On anything but the CPU: not verified on hardware."""
        name = str(device)
        if name not in self._generators:
            # Seeded from the CPU's stream: one seed still decides the whole run.
            seed = torch.empty((), dtype=torch.int64).random_(generator=self._generators["cpu"])
            self._generators[name] = torch.Generator(device).manual_seed(int(seed.item()))
        return self._generators[name]

    def state_dict(self) -> dict[str, Any]:
        """As in torch, and under "generator" the stream state of each device by name."""
        return {**super().state_dict(), "generator": self._read_streams()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restores what `state_dict` returned, as a copy: nothing given is shared or changed.

        Raises:
            ValueError: an entry is missing or unknown, or is not of this class or these
                parameters; nothing is restored.
        """
        check_state_dict(state_dict, self.param_groups, self.defaults, self._moments)
        generators = make_generators(state_dict["generator"])
        # A copy, because torch keeps the tensors that it is given (pytorch#196083).
        super().load_state_dict(
            {key: copy.deepcopy(state_dict[key]) for key in ("state", "param_groups")}
        )
        self._generators = generators

    def load_own_state(self, own: Mapping[str, Any]) -> None:
        """Restores what `state_dict` holds besides "state" and "param_groups", as a copy.

        For a caller that binds state to parameters by name instead of by position.

        Raises:
            ValueError: the entries are not exactly a valid "generator"; nothing is restored.
        """
        self.check_own_state(own)
        self._generators = make_generators(own["generator"])

    def check_own_state(self, own: Mapping[str, Any]) -> None:
        """Checks what `load_own_state` would restore, and restores nothing.

        Raises:
            ValueError: the entries are not exactly a valid "generator".
        """
        require_keys("own state", own, {"generator"})
        make_generators(own["generator"])

    def _read_streams(self) -> dict[str, Tensor]:
        return {device: generator.get_state() for device, generator in self._generators.items()}

    def __getstate__(self) -> dict[str, Any]:
        # torch's own list leaves out attributes that it does not know, and not every torch that
        # we support can copy or pickle a generator: the stream state stands for it.
        own = {name: vars(self)[name] for name in _KEPT if name in vars(self)}
        return {**super().__getstate__(), "_streams": self._read_streams(), "_own": own}

    def __setstate__(self, state: dict[str, Any]) -> None:
        # torch's load_state_dict passes through here too, without streams.
        kept = {key: value for key, value in state.items() if key not in ("_streams", "_own")}
        defaults = dict(kept.get("defaults", {}))
        super().__setstate__(kept)
        if "_streams" in state:
            self._generators = make_generators(state["_streams"])
            self.defaults = defaults  # torch adds an entry to those of a copy
            vars(self).update(state["_own"])


@final
class UPGD(_UtilityGated):
    """Utility-based perturbed gradient descent: d = g, a neutral parameter takes half SGD's step.

    Args:
        params: parameters, named parameters or groups; a group may override any of the below.
        lr: step size.
        weight_decay: decoupled; a step shrinks each parameter by the factor 1 - lr * weight_decay.
        beta_utility: decay rate of the utilities, per step of the parameter.
        sigma: standard deviation of the noise, in units of the gradient.
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
        seed: int | None = None,
    ) -> None:
        hyper = {"weight_decay": weight_decay, "beta_utility": beta_utility, "sigma": sigma}
        super().__init__(params, {"lr": lr, **hyper}, seed)

    def _add_direction(
        self, moves: list[Tensor], block: Block, group: dict[str, Any], _: Sequence[int]
    ) -> None:
        torch._foreach_add_(moves, block.grads, alpha=group["lr"])


@final
class AdaptiveUPGD(_UtilityGated):
    """UPGD along Adam's direction, with twice the step: a neutral parameter takes Adam's step.

    Args:
        params: parameters, named parameters or groups; a group may override any of the below.
        lr: step size.
        betas: decay rates of the gradient's first and second moment.
        eps: added to the root of the second moment.
        weight_decay: decoupled; a step shrinks each parameter by the factor 1 - lr * weight_decay.
        beta_utility: decay rate of the utilities, per step of the parameter.
        sigma: standard deviation of the noise, in units of Adam's direction.
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
        seed: int | None = None,
    ) -> None:
        hyper = {"weight_decay": weight_decay, "beta_utility": beta_utility, "sigma": sigma}
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, **hyper}, seed)

    def _add_direction(
        self, moves: list[Tensor], block: Block, group: dict[str, Any], steps: Sequence[int]
    ) -> None:
        betas = group["betas"]
        denominators = compute_adam_denominators(block, betas, group["eps"], steps)
        scales = [group["lr"] / (1 - betas[0] ** step) for step in steps]
        torch._foreach_addcdiv_(moves, block.moments[0], denominators, scales)
