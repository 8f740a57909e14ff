"""What UPGD and AdaptiveUPGD share: utilities, gate, noise with its generator, state.

The formulas, and their source, are in `optim/upgd.py`.
"""

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, final

import torch
from torch import Tensor
from torch.optim.optimizer import Optimizer, ParamsT

from ..maths.validation import is_whole, require, require_keys
from . import _upgd_ahead as ahead
from . import _upgd_flat as flat_kernels
from ._upgd_checks import check_group, check_state_dict, make_generators
from ._upgd_flat import Flat
from ._upgd_kernels import (
    Block,
    accumulate_utility,
    draw_noise,
    find_peak,
    open_gates,
    scale,
    split_rows,
)

# a flag of torch's own, which its copies lack
_KEPT = ("_warned_capturable_if_run_uncaptured",)


@final
@dataclass(frozen=True, kw_only=True, slots=True)
class _Work:
    """One group's share of a step.

    Attributes:
        group: its hyper-parameters.
        steps: of each parameter that has a gradient, this one included.
        rows: p, g, U and moments of each of them.
        flat: where they lie side by side, if they can; otherwise `blocks` cover them.
        blocks: see `split_rows`.
    """

    group: dict[str, Any]
    steps: Sequence[int]
    rows: Sequence[tuple[Tensor, ...]]
    flat: Flat | None
    blocks: Sequence[Block]

    def peaks(self) -> list[float]:
        """Brings the utilities up to date; the greatest of each piece, as the gate compares it."""
        beta, values = self.group["beta_utility"], []
        if self.flat is not None:
            found = flat_kernels.accumulate_utility(self.flat, beta)
            values = [(value, self.steps[0]) for value in found]
        for block in self.blocks:
            steps = [self.steps[owner] for owner in block.owners]
            values += list(zip(accumulate_utility(block, beta), steps, strict=True))
        if self.group["early_gate"]:
            return [value for value, _ in values]
        return [value / (1 - beta**step) for value, step in values]


class UtilityGated(Optimizer, ABC):
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
        work = [self._gather(number) for number in range(len(self.param_groups))]
        peak = find_peak(value for each in work for value in each.peaks())
        pieces = [p for each in work for block in each.blocks for p in block.params]
        draws = all(each.flat is None and each.group["lr"] * each.group["sigma"] for each in work)
        drawn = ahead.take(self, self._generators["cpu"], pieces) if draws else None
        for each in work:
            if each.flat is not None:
                self._descend_flat(each.flat, each, peak)
            for block in each.blocks:
                steps = [each.steps[owner] for owner in block.owners]
                self._descend(block, each.group, steps, peak, drawn)
        if draws:
            ahead.begin(self, self._generators["cpu"], pieces)
        return loss

    def _gather(self, number: int) -> _Work:
        """The tensors of those parameters of a group that have a gradient."""
        group = self.param_groups[number]
        grads = [p.grad for p in group["params"]]
        if any(grad is not None and grad.is_sparse for grad in grads):
            raise RuntimeError(f"{type(self).__name__} expects dense gradients, got a sparse one")
        names = ("avg_utility", *self._moments)
        steps: list[int] = []
        rows: list[tuple[Tensor, ...]] = []
        for p, grad in zip(group["params"], grads, strict=True):
            if grad is None or not grad.numel():
                continue
            state = self.state[p]
            if not state:
                state.update({"step": 0, **{name: torch.zeros_like(p) for name in names}})
            state["step"] += 1
            steps.append(state["step"])
            rows.append((p, grad, *[state[name] for name in names]))
        if not flat_kernels.fits(rows, steps):
            return _Work(group=group, steps=steps, rows=rows, flat=None, blocks=split_rows(rows))
        flat = flat_kernels.room_for(self, number, rows)
        flat.take(rows)
        return _Work(group=group, steps=steps, rows=rows, flat=flat, blocks=())

    def _descend(
        self,
        block: Block,
        group: dict[str, Any],
        steps: Sequence[int],
        peak: float,
        drawn: list[Tensor] | None,
    ) -> None:
        """Takes the step of one block, whose utilities are up to date, with what is drawn already.

        It uses up its share of that.
        """
        lr = group["lr"]
        if drawn is None:
            generator = self._choose_generator(block.params[0].device)
            moves = draw_noise(block.params, lr * group["sigma"], generator)
        else:
            moves = drawn[: len(steps)]
            del drawn[: len(steps)]
            torch._foreach_mul_(moves, lr * group["sigma"])
        self._add_direction(moves, block, group, steps)
        gates = open_gates(
            block.utilities, [peak * (1 - group["beta_utility"] ** step) for step in steps]
        )
        if lr * group["weight_decay"] != 0:
            scale(block.params, [1 - lr * group["weight_decay"]] * len(steps))
        torch._foreach_addcmul_(block.params, moves, gates, value=-self._gain)

    def _descend_flat(self, flat: Flat, work: _Work, peak: float) -> None:
        """Takes the step of a group that lies side by side."""
        group, step = work.group, work.steps[0]
        lr, generator = group["lr"], self._choose_generator(flat.param.device)
        flat_kernels.draw_noise(flat, lr * group["sigma"], generator)
        self._add_flat_direction(flat, group, step)
        flat_kernels.open_gate(flat, peak * (1 - group["beta_utility"] ** step))
        flat_kernels.descend(flat, 1 - lr * group["weight_decay"], self._gain)
        flat.put_back(work.rows)

    @abstractmethod
    def _add_direction(
        self, moves: list[Tensor], block: Block, group: dict[str, Any], steps: Sequence[int]
    ) -> None:
        """Adds lr d to the moves, the moments brought up to date."""

    @abstractmethod
    def _add_flat_direction(self, flat: Flat, group: dict[str, Any], step: int) -> None:
        """The same where the tensors lie side by side."""

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
