"""Plain torch loops, each as someone would write it: three that are wrong, one that is right."""

from __future__ import annotations

import random
import uuid
from pathlib import Path
from typing import Any

import torch
from resumeproof import component, loop

DATA = torch.randn(32, 3, generator=torch.Generator().manual_seed(5))
TARGETS = DATA.sum(dim=1, keepdim=True).tanh()


class Trainer:
    """A small regression: model, optimizer, scheduler, shuffled batches. It forgets nothing."""

    def __init__(self, seed: int = 0, batch: int = 4) -> None:
        torch.manual_seed(seed)
        self.model = torch.nn.Linear(3, 1)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=0.01)
        self.scheduler = torch.optim.lr_scheduler.StepLR(self.optimizer, 2, gamma=0.5)
        self.shuffler = random.Random(seed)
        self.batch = batch
        self.order: list[int] = []

    def step(self) -> None:
        """One batch; a new order when the last one is used up."""
        if not self.order:
            self.order = list(range(len(DATA)))
            self.shuffler.shuffle(self.order)
        chosen, self.order = self.order[: self.batch], self.order[self.batch :]
        loss = (self.model(DATA[chosen]) - TARGETS[chosen]).square().mean()
        loss.backward()
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.scheduler.step()

    def state(self) -> dict[str, Any]:
        """All that the next step depends on, and the global streams."""
        return {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scheduler": self.scheduler.state_dict(),
            "shuffler": self.shuffler.getstate(),
            "order": self.order,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Loads what is in `state`, and leaves the rest."""
        for name in ("model", "optimizer", "scheduler"):
            if name in state:
                getattr(self, name).load_state_dict(state[name])
        if "order" in state:
            self.shuffler.setstate(state["shuffler"])
            self.order = state["order"]

    def save(self, path: Path) -> None:
        """Writes `state` to a file."""
        torch.save(self.state(), path)

    def load(self, path: Path) -> None:
        """Reads `state` from a file."""
        self.restore(torch.load(path, weights_only=True))


class ForgetsScheduler(Trainer):
    """The scheduler is not in the file: the learning rate falls again from the start."""

    def state(self) -> dict[str, Any]:
        """Everything but the scheduler."""
        return {name: part for name, part in super().state().items() if name != "scheduler"}


class ForgetsOrder(Trainer):
    """The order of the data is not in the file: a resumed epoch sees other batches."""

    def state(self) -> dict[str, Any]:
        """Everything but the order."""
        return {k: v for k, v in super().state().items() if k not in ("shuffler", "order")}


class Nondeterministic(Trainer):
    """Noise from outside the process: two runs of one seed differ, saved or not."""

    def step(self) -> None:
        """One batch, then noise that no seed governs."""
        super().step()
        with torch.no_grad():
            self.model.bias += uuid.uuid4().int / 2**128


class Raises(Trainer):
    """Cannot do its fourth step."""

    def step(self) -> None:
        """One batch, unless it is the fourth."""
        if self.scheduler.last_epoch == 3:
            raise ArithmeticError("loss is not finite")
        super().step()


def subject(trainer: type[Trainer]) -> Any:
    """The trainer under test; the global streams are not its own."""
    return loop(make=trainer, step=trainer.step, save=trainer.save, load=trainer.load)


right = subject(Trainer)
forgets_scheduler = subject(ForgetsScheduler)
forgets_order = subject(ForgetsOrder)
nondeterministic = subject(Nondeterministic)
raises = subject(Raises)


class Scaler:
    """A part with a counter; its `state_dict` can be told to forget it."""

    def __init__(self, forgets: bool = False) -> None:
        self.scale = torch.ones(())
        self.growth = 0
        self.forgets = forgets

    def update(self, found_inf: bool) -> None:
        """Halves on an overflow, doubles after three steps without one."""
        self.growth = 0 if found_inf else self.growth + 1
        self.scale *= 0.5 if found_inf else 2.0 if self.growth % 3 == 0 else 1.0

    def state_dict(self) -> dict[str, Any]:
        """The scale, and the counter unless it is forgotten."""
        return {"scale": self.scale.clone()} | ({} if self.forgets else {"growth": self.growth})

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """In place, or not at all: a state with other entries is refused."""
        if state.keys() != self.state_dict().keys():
            raise KeyError(f"expected {sorted(self.state_dict())}, got {sorted(state)}")
        self.scale.copy_(state["scale"])
        self.growth = state.get("growth", self.growth)


def drive(scaler: Scaler, i: int) -> None:
    """An overflow every fifth step."""
    scaler.update(i % 5 == 4)


def forgetful() -> Scaler:
    """One that forgets its counter."""
    return Scaler(forgets=True)


scaler = component(Scaler, step=drive)
forgetful_scaler = component(forgetful, step=drive, name="component:Forgetful")


class DrawsForNothing(Trainer):
    """Makes a network in every step and overwrites its numbers at once; saves no stream."""

    def step(self) -> None:
        """The copy is of the run's own weights, whatever was drawn."""
        torch.nn.Linear(3, 1).load_state_dict(self.model.state_dict())
        super().step()


draws_for_nothing = loop(
    make=DrawsForNothing,
    step=DrawsForNothing.step,
    save=DrawsForNothing.save,
    load=DrawsForNothing.load,
)


class ForgetsPatience:
    """Counts steps without a better score, and saves only the steps; the count is mostly zero."""

    def __init__(self, seed: int = 0) -> None:
        self.steps, self.patience = 0, 0

    def step(self) -> None:
        """One step, better than the last but for three."""
        self.steps += 1
        self.patience = self.patience + 1 if self.steps in (17, 18, 19) else 0

    def save(self) -> Any:
        """Half of what moves."""
        return {"steps": self.steps}

    def load(self, state: Any) -> None:
        """Puts that back."""
        vars(self).update(state)
