"""What people build on Stable-Baselines3's PPO works on this one: signature, hooks, copies."""

from __future__ import annotations

import copy
import inspect
import pickle
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from resumeproof import Scenario, check_resume, sb3
from resumeproof.algo import CriticHead, DistributionalPPO, MismatchedCheckpoint, explorable
from resumeproof.algo.maths.schedules import Constant, Linear, as_schedule
from resumeproof.algo.ppo.update import Statistics
from stable_baselines3 import PPO
from stable_baselines3.common import utils
from stable_baselines3.common.buffers import RolloutBuffer
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import VecFrameStack, VecNormalize
from torch import nn

from tests.algo.small import make_env, make_model

SMALL: dict[str, Any] = {"n_steps": 16, "batch_size": 16, "n_epochs": 2, "device": "cpu"}


def test_every_argument_of_ppo_is_in_the_signature_at_its_place() -> None:
    """Name, order and default are those of the installed Stable-Baselines3."""
    theirs = list(inspect.signature(PPO).parameters.values())
    ours = list(inspect.signature(DistributionalPPO).parameters.values())[: len(theirs)]
    for their, our in zip(theirs, ours, strict=True):
        assert (our.name, our.kind, our.default) == (their.name, their.kind, their.default)


def test_arguments_may_be_given_by_position() -> None:
    """In SB3's order."""
    model = DistributionalPPO("MlpPolicy", make_env(), 0.01, 32, 16, 3, 0.9, device="cpu")
    read = (model.learning_rate, model.n_steps, model.batch_size, model.n_epochs, model.gamma)
    assert read == (0.01, 32, 16, 3, 0.9)


class Locals(BaseCallback):
    """Notes which names it finds at each hook."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, set[str]] = {}
        self.counts: list[int] = []

    def _on_training_start(self) -> None:
        self.found["start"] = set(self.locals)

    def _on_step(self) -> bool:
        self.found.setdefault("step", set(self.locals))
        self.counts.append(self.locals["n_steps"])
        return True

    def _on_rollout_end(self) -> None:
        self.found["end"] = set(self.locals)


def test_callbacks_find_every_name_that_sb3_gives() -> None:
    """At the start, after the first step and at the end of a rollout; steps count as there."""
    stock, own = Locals(), Locals()
    PPO("MlpPolicy", make_env(), **SMALL).learn(16, stock)
    make_model().learn(16, own)
    # counters of SB3's own loop over environments
    passing = {"idx", "done", "terminal_obs", "terminal_value"}
    for hook, names in stock.found.items():
        assert names - passing <= own.found[hook], hook
    assert own.counts == stock.counts == list(range(16))


class Filtering(RolloutBuffer):
    """A buffer that gives half of its samples."""

    calls = 0

    def get(self, batch_size: int | None = None) -> Any:
        """Every other minibatch."""
        type(self).calls += 1
        yield from list(super().get(batch_size))[::2]


def test_buffer_with_its_own_get_is_asked_for_minibatches() -> None:
    """Once an epoch; where old predictions are needed it is refused when the model is built."""
    Filtering.calls = 0
    model = make_model(rollout_buffer_class=Filtering, batch_size=8).learn(32)
    assert Filtering.calls == 4
    assert model.policy.optimizer.state[next(model.policy.parameters())]["step"] == 4
    with pytest.raises(TypeError, match=r"=Filtering overrides get, .*leave out clip_range_vf"):
        make_model(rollout_buffer_class=Filtering, clip_range_vf=0.2)


def own_schedules() -> dict[str, tuple[Any, Any]]:
    """Schedules that Stable-Baselines3 makes, in this release of it, and what each is of."""
    line = Linear(0.3, 0.1, 0.5)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some have newer names
        made = {
            "get_linear_fn": (utils.get_linear_fn(0.3, 0.1, 0.5), line),
            "get_schedule_fn": (utils.get_schedule_fn(0.3), Constant(0.3)),
            "of a line": (utils.get_schedule_fn(utils.get_linear_fn(0.3, 0.1, 0.5)), line),
            "constant_fn": (utils.constant_fn(0.3), Constant(0.3)),
        }
        if hasattr(utils, "LinearSchedule"):
            made["LinearSchedule"] = (utils.LinearSchedule(0.3, 0.1, 0.5), line)
            made["FloatSchedule"] = (utils.FloatSchedule(0.3), Constant(0.3))
    return made


@pytest.mark.parametrize("name", own_schedules())
def test_schedule_of_sb3_is_stored_by_name(name: str, tmp_path: Path) -> None:
    """Nobody passes it again, and it gives the very numbers that SB3's gives."""
    theirs, expected = own_schedules()[name]
    assert as_schedule(theirs, "clip_range") == expected
    model = make_model(clip_range=theirs, learning_rate=theirs)
    model.save(tmp_path / "run")
    loaded = DistributionalPPO.load(tmp_path / "run", device="cpu")
    for progress in np.linspace(1, 0, 7):
        assert loaded.clip_range(progress) == loaded.lr_schedule(progress) == theirs(progress)


def test_custom_objects_take_the_names_that_sb3_users_pass(tmp_path: Path) -> None:
    """Those of the zoo; attributes and arguments alike; what nobody knows is refused."""
    make_model(learning_rate=lambda _: 0.1, clip_range=lambda _: 0.1).save(tmp_path / "run")
    space = make_env().observation_space
    objects: dict[str, Any] = {
        "learning_rate": 0.0,
        "lr_schedule": lambda _: 0.2,
        "clip_range": lambda _: 0.0,
        "observation_space": space,
        "policy_class": DistributionalPPO.policy_aliases["MlpPolicy"],
    }
    loaded = DistributionalPPO.load(tmp_path / "run", custom_objects=objects, device="cpu")
    assert (loaded.learning_rate, loaded.lr_schedule(1.0), loaded.clip_range(1.0)) == (0, 0, 0)
    assert loaded.observation_space is space
    with pytest.raises(TypeError, match="unknown keyword 'colour'"):
        DistributionalPPO.load(tmp_path / "run", custom_objects={"colour": 1}, device="cpu")


@pytest.mark.parametrize("medium", ["pickle", "deepcopy", "set_env"])
@pytest.mark.parametrize("save_at", [16, 21])
def test_copy_of_a_model_goes_on_exactly(medium: str, save_at: int) -> None:
    """Copied, pickled, or loaded without an environment that is set later; by the harness."""
    subject = sb3(
        DistributionalPPO, env="Pendulum-v1", normalize=True, max_episode_steps=13, strict=True,
        copies=("pickle", "deepcopy", "set_env"), policy_kwargs={"net_arch": [8]}, kl_penalty=True,
        n_steps=16, batch_size=16, n_epochs=2,
    )  # fmt: skip
    (record,) = check_resume(
        subject, [Scenario(length=48, save_at=save_at, medium=medium)], ["resume"]
    )
    assert record.verdict.name == "EXACT"


@pytest.mark.parametrize("make_copy", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copy_shares_nothing_and_keeps_every_wrapper(make_copy: Callable[[Any], Any]) -> None:
    """Of an environment in several wrappers too; the original does not move when it trains."""
    env = VecFrameStack(make_env(normalize=True), 2)
    model = make_model(env).learn(24, callback=Locals())
    other = make_copy(model)
    assert (type(other.env), type(other.env.venv)) == (VecFrameStack, VecNormalize)
    assert other.get_vec_normalize_env() is other.env.venv is not env.venv
    before = [parameter.detach().clone() for parameter in model.policy.parameters()]
    counted = float(env.venv.obs_rms.count)
    other.learn(40, reset_num_timesteps=False)
    assert float(env.venv.obs_rms.count) == counted < float(other.env.venv.obs_rms.count)
    for kept, now in zip(before, model.policy.parameters(), strict=True):
        assert torch.equal(kept, now)


def test_log_means_what_sb3_logs() -> None:
    """The KL of the last epoch, the loss of the last minibatch, the mean of everything else."""
    statistics = Statistics()
    for epoch in ((1.0, 2.0), (3.0, 6.0)):
        statistics.begin_epoch()
        for value in epoch:
            number = torch.tensor(value)
            statistics.add(approx_kl=number, loss=number, value_loss=number)
    logged = [statistics.summary(name) for name in ("approx_kl", "loss", "value_loss")]
    assert logged == [4.5, 6.0, 3.0]


@pytest.mark.parametrize(
    ("argument", "value", "error"),
    [
        ("device", "meta", ValueError),
        ("device", "gpu", ValueError),
        ("device", 1.5, ValueError),
        ("seed", -1, ValueError),
        ("seed", 1.5, ValueError),
        ("verbose", "loud", ValueError),
        ("sde_sample_freq", -2, ValueError),
        ("batch_size", 1, ValueError),
        ("policy_kwargs", ["net_arch"], TypeError),
        ("optimizer_kwargs", 3, TypeError),
        ("tensorboard_log", 3, TypeError),
    ],
)
def test_argument_of_another_kind_is_refused(argument: str, value: Any, error: Any) -> None:
    """When the model is built, with its name, its value and what it may be."""
    with pytest.raises(error, match=rf"expected {argument} to be .*got {argument}="):
        make_model(**{argument: value})


def test_optimizer_may_stand_among_the_arguments_of_the_policy(tmp_path: Path) -> None:
    """Where SB3 has it; it is trained with, saved and loaded; twice is refused."""
    options = {"optimizer_class": torch.optim.AdamW, "optimizer_kwargs": {"weight_decay": 0.5}}
    model = make_model(policy_kwargs={"net_arch": [8], **options}).learn(16)
    assert type(model.policy.optimizer) is torch.optim.AdamW
    assert model.policy_kwargs == {"net_arch": [8]}
    model.save(tmp_path / "run")
    loaded = DistributionalPPO.load(tmp_path / "run", device="cpu")
    assert loaded.policy.optimizer.param_groups[0]["weight_decay"] == 0.5
    with pytest.raises(TypeError, match=r"expected optimizer once, got optimizer='adam' and"):
        make_model(optimizer="adam", policy_kwargs=options)
    make_model(policy_kwargs={"optimizer_kwargs": None})


def test_quantiles_are_counted_in_whole_numbers() -> None:
    """Half a quantile is none."""
    with pytest.raises(ValueError, match=r"expected n_quantiles .*got n_quantiles=2\.5"):
        make_model(critic_kwargs={"n_quantiles": 2.5})


class Wide(nn.Linear):
    """A head of one's own: the mean of some outputs."""

    def __init__(self, latent_dim: int, width: int = 3) -> None:
        super().__init__(latent_dim, width)

    def value(self, outputs: torch.Tensor) -> torch.Tensor:
        """The mean."""
        return outputs.mean(dim=1)

    def loss(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Its squared error."""
        return (self.value(outputs) - targets).square()

    def clipped(self, outputs: torch.Tensor, old: torch.Tensor, clip: float) -> torch.Tensor:
        """Each output on its own."""
        return old + (outputs - old).clamp(-clip, clip)

    def adapt_support(self, targets: torch.Tensor) -> None:
        """There is none."""

    @torch.no_grad()
    def rescale(self, scale: float, shift: float) -> None:
        """Each output on its own."""
        self.weight.mul_(scale)
        self.bias.mul_(scale).add_(shift)


def test_head_of_ones_own_trains_and_is_passed_again(tmp_path: Path) -> None:
    """It is code: the checkpoint names it, and `load` says that it is missing."""
    head: CriticHead = Wide(4)
    assert head.value(torch.ones(2, 3)).tolist() == [1, 1]
    model = make_model(critic=Wide, critic_kwargs={"width": 5}).learn(32)
    model.save(tmp_path / "run")
    with pytest.raises(MismatchedCheckpoint, match=r"critic was .*Wide, your own code"):
        DistributionalPPO.load(tmp_path / "run", device="cpu")
    loaded = DistributionalPPO.load(tmp_path / "run", env=make_env(), device="cpu", critic=Wide)
    assert [head.weight.shape[0] for head in loaded.policy.value_net.heads] == [5, 5]  # type: ignore[union-attr, index]
    loaded.learn(16, reset_num_timesteps=False)
    with pytest.raises(TypeError, match=r"critic=Linear has no .*'value'"):
        make_model(critic=nn.Linear)
    with pytest.raises(TypeError, match="got critic=3"):
        make_model(critic=3)


def test_what_a_population_can_explore_is_said() -> None:
    """Each name with its legal values."""
    known = explorable()
    assert known["learning_rate"] == "numbers in (0, inf)"
    assert known["n_epochs"] == "whole numbers in [1, inf)"
