"""Eight parts with one fault each, and the clean parts they are made from."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from resumeproof import component


def require_keys(state: dict[str, Any], expected: set[str]) -> None:
    """Refuses a state that lacks an entry or has one too many."""
    if state.keys() != expected:
        raise KeyError(f"expected {sorted(expected)}, got {sorted(state)}")


def require_shape(got: Any, expected: Any) -> None:
    """Refuses a state of another shape, before anything is loaded."""
    if np.shape(got) != np.shape(expected):
        raise ValueError(f"expected shape {np.shape(expected)}, got {np.shape(got)}")


class Scaler:
    """A loss scale that grows after three steps without an overflow."""

    keys = ("scale", "growth")

    def __init__(self) -> None:
        self.scale, self.growth = 1024.0, 0

    def step(self, i: int) -> None:
        """An overflow every fifth step."""
        self.growth = 0 if i % 5 == 4 else self.growth + 1
        self.scale *= 0.5 if i % 5 == 4 else 2.0 if self.growth % 3 == 0 else 1.0

    def state_dict(self) -> dict[str, Any]:
        """What the keys name."""
        return {key: getattr(self, key) for key in self.keys}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """The same."""
        require_keys(state, {*self.keys})
        vars(self).update(state)


class ForgetfulScaler(Scaler):
    """Forgets its counter."""

    keys = ("scale",)


class Average:
    """A network and the moving average of its weights."""

    def __init__(self) -> None:
        self.net = torch.nn.Linear(2, 1)
        self.shadow = {name: item.detach().clone() for name, item in self.net.state_dict().items()}

    def step(self, i: int) -> None:
        """The weights move, the average follows."""
        with torch.no_grad():
            for name, weight in self.net.named_parameters():
                weight.add_(0.1 * (i + 1))
                self.shadow[name].lerp_(weight.detach(), 0.1)

    def state_dict(self) -> dict[str, Any]:
        """Both, copied."""
        net = {name: item.clone() for name, item in self.net.state_dict().items()}
        return {"net": net, "shadow": {name: item.clone() for name, item in self.shadow.items()}}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Both, once all entries are known to fit."""
        require_keys(state, {"net", "shadow"})
        for part in state.values():
            require_keys(part, {*self.shadow})
            for name, item in part.items():
                require_shape(item, self.shadow[name])
        self.net.load_state_dict(state["net"])
        self.fill(state["shadow"])

    def fill(self, saved: dict[str, torch.Tensor]) -> None:
        """The average, in memory of its own."""
        self.shadow = {name: item.clone() for name, item in saved.items()}


class AliasedAverage(Average):
    """Its average comes back in the memory of the weights."""

    def fill(self, saved: dict[str, torch.Tensor]) -> None:
        """Made like the weights: by forgetting to copy them."""
        self.shadow = {name: item.detach() for name, item in self.net.state_dict().items()}
        for name, item in saved.items():
            self.shadow[name].copy_(item)


class Scheduled:
    """An optimizer and what lowers its rate."""

    def __init__(self) -> None:
        self.weight = torch.nn.Parameter(torch.ones(2))
        self.build()

    def build(self) -> None:
        """Both, anew."""
        self.optimizer = torch.optim.SGD([self.weight], lr=1.0)
        self.scheduler = torch.optim.lr_scheduler.StepLR(self.optimizer, step_size=2)

    def step(self, i: int) -> None:
        """One update, and one of the rate."""
        self.weight.grad = torch.full((2,), 0.5)
        self.optimizer.step()
        self.scheduler.step()

    def state_dict(self) -> dict[str, Any]:
        """Weights, gradient, groups and the scheduler's numbers."""
        grad = None if self.weight.grad is None else self.weight.grad.clone()
        numbers = {k: v for k, v in self.scheduler.state_dict().items() if k[0] != "_" or "_c" in k}
        return {
            "weight": self.weight.detach().clone(),
            "grad": grad,
            "rate": self.optimizer.param_groups[0]["lr"],
            "scheduler": dict(numbers, _last_lr=list(self.scheduler.get_last_lr())),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Into what is there."""
        require_keys(state, {"weight", "grad", "rate", "scheduler"})
        require_keys(state["scheduler"], {*self.state_dict()["scheduler"]})
        require_shape(state["weight"], self.weight)
        self.relink()
        self.weight.data = state["weight"].clone()
        self.weight.grad = None if state["grad"] is None else state["grad"].clone()
        self.optimizer.param_groups[0]["lr"] = state["rate"]
        self.scheduler.load_state_dict(dict(state["scheduler"]))

    def relink(self) -> None:
        """Nothing to do: the scheduler drives the optimizer it was made for."""


class StaleScheduled(Scheduled):
    """A load makes a new optimizer; the scheduler goes on driving the old one."""

    def relink(self) -> None:
        """Only the optimizer."""
        group = {k: v for k, v in self.optimizer.param_groups[0].items() if k != "params"}
        self.optimizer = torch.optim.SGD([self.weight], lr=1.0)
        self.optimizer.param_groups[0].update(group)


class Normaliser:
    """Running sums over inputs of one shape."""

    kind: type = tuple

    def __init__(self) -> None:
        self.shape, self.total = (3,), np.zeros(3)

    def step(self, i: int) -> None:
        """Takes in one input; starts afresh with inputs of another shape."""
        values = np.arange(3.0) * (i + 1)
        if values.shape != self.shape:
            self.shape, self.total = values.shape, np.zeros(values.shape)
        self.total += values

    def state_dict(self) -> dict[str, Any]:
        """Both."""
        return {"shape": list(self.shape), "total": self.total.copy()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Both; JSON knows no tuple."""
        require_keys(state, {"shape", "total"})
        require_shape(state["total"], self.total)
        self.shape = self.kind(state["shape"])
        self.total[...] = state["total"]


class ListNormaliser(Normaliser):
    """Its shape comes back as a list."""

    kind = list


class Sampler:
    """Goes through shuffled indices, and shuffles them anew at the end."""

    saves_order = True

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.order, self.position, self.last = self.rng.permutation(8), 0, -1

    def step(self, i: int) -> None:
        """The next index."""
        self.last = int(self.order[self.position])
        self.position += 1
        if self.position == len(self.order):
            self.order, self.position = self.rng.permutation(8), 0

    def state_dict(self) -> dict[str, Any]:
        """Position and stream, and the order unless it is forgotten."""
        state = {"position": self.position, "last": self.last, "rng": self.rng.bit_generator.state}
        return state | ({"order": self.order.copy()} if self.saves_order else {})

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """The same."""
        require_keys(state, {*self.state_dict()})
        require_keys(state["rng"], {*self.rng.bit_generator.state})
        require_keys(state["rng"]["state"], {"state", "inc"})
        if self.saves_order:
            require_shape(state["order"], self.order)
        self.rng.bit_generator.state = state["rng"]
        self.position, self.last = state["position"], state["last"]
        self.order = state["order"].copy() if self.saves_order else self.order


class PositionSampler(Sampler):
    """Saves its position in an order that it forgets."""

    saves_order = False


class Buffer:
    """A tensor that is written to in place."""

    def __init__(self) -> None:
        self.values = torch.zeros(4)

    def step(self, i: int) -> None:
        """One value more."""
        self.values[i % 4] += i + 0.5

    def state_dict(self) -> dict[str, Any]:
        """A copy."""
        return {"values": self.values.clone()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """In place."""
        require_keys(state, {"values"})
        require_shape(state["values"], self.values)
        self.values.copy_(state["values"])


class DrawingBuffer(Buffer):
    """Its state is named by a random number."""

    def state_dict(self) -> dict[str, Any]:
        """Draws to see whether to log."""
        np.random.rand()
        return super().state_dict()


class SharingBuffer(Buffer):
    """Hands out its live tensor, and keeps the one it is given."""

    def state_dict(self) -> dict[str, Any]:
        """The tensor itself."""
        return {"values": self.values}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """The tensor itself."""
        require_keys(state, {"values"})
        require_shape(state["values"], self.values)
        self.values = state["values"]


class LenientBuffer(Buffer):
    """Takes any entry without a word, and goes without one that is missing."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """What there is."""
        if "values" in state:
            require_shape(state["values"], self.values)
            self.values.copy_(state["values"])


def part(kind: type[Any]) -> Any:
    """A kind of part under test."""
    return component(kind, step=kind.step)
