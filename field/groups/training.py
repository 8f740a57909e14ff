"""`accelerate` and `lightning`, each in its own way of saving."""

import torch
from accelerate import Accelerator
from lightning import Fabric, Trainer
from lightning.pytorch.demos.boring_classes import BoringModel

from ..row import loop_of

QUIET = {
    "accelerator": "cpu",
    "logger": False,
    "enable_checkpointing": False,
    "enable_progress_bar": False,
    "enable_model_summary": False,
    "limit_train_batches": 2,
    "limit_val_batches": 0,
}


class Accelerated:
    def __init__(self):
        self.accelerator = Accelerator(cpu=True)
        net = torch.nn.Linear(3, 2)
        optimizer = torch.optim.AdamW(net.parameters(), lr=0.1)
        self.net, self.optimizer = self.accelerator.prepare(net, optimizer)

    def step(self):
        self.accelerator.backward(self.net(torch.randn(4, 3)).square().mean())
        self.optimizer.step()
        self.optimizer.zero_grad()

    def save(self, path):
        self.accelerator.save_state(path)

    def load(self, path):
        self.accelerator.load_state(path)


class Fitted:
    def __init__(self):
        self.module, self.epochs = BoringModel(), 0
        self.trainer = Trainer(max_epochs=0, **QUIET)

    def step(self, path=None):
        self.epochs += 1
        self.trainer.fit_loop.max_epochs = self.epochs
        self.trainer.fit(self.module, ckpt_path=path)

    def save(self, path):
        self.trainer.save_checkpoint(path)

    def load(self, path):
        self.epochs = torch.load(path, weights_only=False)["epoch"] - 1
        self.step(path)


class OnFabric:
    def __init__(self):
        self.fabric = Fabric(accelerator="cpu")
        net = torch.nn.Linear(3, 2)
        self.net, self.optimizer = self.fabric.setup(net, torch.optim.Adam(net.parameters()))

    def step(self):
        self.fabric.backward(self.net(torch.ones(4, 3)).square().mean())
        self.optimizer.step()
        self.optimizer.zero_grad()

    def save(self, path):
        self.fabric.save(path, {"net": self.net, "optimizer": self.optimizer})

    def load(self, path):
        self.fabric.load(path, {"net": self.net, "optimizer": self.optimizer})


def rows():
    return [
        loop_of(Accelerated, package="accelerate", name="Accelerator.save_state"),
        loop_of(Fitted, package="lightning", name="Trainer.save_checkpoint", steps=12),
        loop_of(OnFabric, package="lightning", name="Fabric.save"),
    ]
