"""The units of the critics: when they move, no prediction does; what is clipped is a return."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium import spaces
from resumeproof.algo import DistributionalPPO
from resumeproof.algo.maths.losses import resample
from resumeproof.algo.networks.critic_heads import CategoricalHead
from resumeproof.algo.networks.critics import CRITICS, make_critic
from resumeproof.algo.ppo import update as update_module
from stable_baselines3.common.callbacks import BaseCallback

from tests.algo.small import make_env, make_model

KINDS = sorted(CRITICS)
OPTIONS: dict[str, dict[str, Any]] = {
    "categorical": {"critic_kwargs": {"n_atoms": 51, "v_min": -2000, "v_max": 100}},
    "quantile": {},
    "scalar": {"critic_kwargs": None},
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("twin", ["min", "mean"])
@pytest.mark.parametrize(("scale", "shift"), [(0.5, 0.0), (300.0, -7.0), (1e-4, 12.0)])
def test_rescaling_a_critic_moves_every_value_alike(
    kind: str, twin: str, scale: float, shift: float
) -> None:
    """`v` becomes `v * scale + shift`, for whatever state."""
    torch.manual_seed(2)
    critic = make_critic(kind, 6, 2, None, twin).double()
    latent = torch.randn(40, 6, dtype=torch.float64)
    before = critic.value(critic(latent))
    critic.rescale(scale, shift)
    torch.testing.assert_close(critic.value(critic(latent)), before * scale + shift)


@pytest.mark.parametrize("kind", KINDS)
def test_predictions_stay_when_the_units_move(kind: str) -> None:
    """As returns, over several rollouts of a run in which nothing but the units moves."""
    model = make_model(
        make_env("Pendulum-v1"), critic=kind, learning_rate=0.0, **OPTIONS[kind],
        optimizer_kwargs={"weight_decay": 0.0}, policy_kwargs={"net_arch": [16]},
    )  # fmt: skip
    observations = torch.randn(30, 3)
    before = model.predict_values(observations)
    units = [(0.0, 1.0)]
    for _ in range(3):
        model.learn(16, reset_num_timesteps=False)
        assert model.return_normalizer is not None
        units.append(model.return_normalizer.units)
        torch.testing.assert_close(model.predict_values(observations), before, rtol=1e-4, atol=1e-3)
    assert len(set(units)) == 4
    assert units[-1][1] > 2


@pytest.mark.parametrize("kind", KINDS)
def test_predictions_stay_when_the_units_are_given_up(kind: str, tmp_path: Path) -> None:
    """A run that is loaded without its normaliser predicts the same returns."""
    model = make_model(make_env("Pendulum-v1"), critic=kind, **OPTIONS[kind]).learn(48)
    model.save(tmp_path / "run")
    loaded = DistributionalPPO.load(tmp_path / "run", device="cpu", normalize_returns=False)
    assert loaded.return_normalizer is None
    observations = torch.randn(30, 3)
    torch.testing.assert_close(
        loaded.predict_values(observations), model.predict_values(observations),
        rtol=1e-4, atol=1e-2,
    )  # fmt: skip


@pytest.mark.parametrize(("low", "high"), [(-1.0, 3.0), (-1.0, 40.0), (-25.0, 1.0), (-0.9, 1.0)])
def test_moved_support_predicts_the_same_to_a_fraction_of_a_spacing(
    low: float, high: float
) -> None:
    """Every distribution that has no sharper peak than the new atoms are apart."""
    old = torch.linspace(-1.0, 1.0, 51, dtype=torch.float64)
    new = torch.linspace(low, high, 51, dtype=torch.float64)
    centres = torch.linspace(-0.6, 0.6, 9, dtype=torch.float64).unsqueeze(1)
    logits = -((old - centres) ** 2) / 0.05
    matrix, offsets = resample(old, new)
    moved = (logits @ matrix.T + offsets).softmax(1) @ new
    error = (moved - logits.softmax(1) @ old).abs().max()
    assert error < 0.5 * max(new[1] - new[0], old[1] - old[0])


def test_support_that_stays_changes_no_logit() -> None:
    """The same atoms give the identity."""
    atoms = torch.linspace(-10.0, 10.0, 51, dtype=torch.float64)
    matrix, offsets = resample(atoms, atoms)
    torch.testing.assert_close(matrix, torch.eye(51, dtype=torch.float64))
    torch.testing.assert_close(offsets, torch.zeros(51, dtype=torch.float64))


def test_widening_a_support_does_not_stretch_predictions() -> None:
    """A head that predicts 2 goes on predicting about 2 when a target of 100 arrives."""
    head = CategoricalHead(4)
    with torch.no_grad():
        head.bias.copy_(-0.5 * (head.atoms - 2.0).square())
        head.weight.mul_(0.01)
    latent = torch.randn(20, 4)
    before = head.value(head(latent))
    head.adapt_support(torch.tensor([0.0, 100.0]))
    assert head.v_max.item() > 100
    spacing = (head.atoms[1] - head.atoms[0]).item()
    assert (head.value(head(latent)) - before).abs().max() < 0.5 * spacing


class Late(gym.Env[np.ndarray[Any, Any], int]):
    """Episodes of 50 steps whose last one pays 1, but only after 400 steps: no return beyond 1."""

    observation_space = spaces.Box(-1, 1, (2,))
    action_space = spaces.Discrete(2)
    total = 0

    def reset(self, **options: Any) -> Any:
        """A random observation."""
        super().reset(**options)
        return self.observe(), {}

    def observe(self) -> np.ndarray[Any, Any]:
        """Noise."""
        return self.np_random.uniform(-1, 1, 2).astype(np.float32)

    def step(self, action: int) -> Any:
        """One of 50."""
        self.total += 1
        ended = self.total % 50 == 0
        return self.observe(), float(ended and self.total > 400), ended, False, {}


class Values(BaseCallback):
    """Notes the mean predicted value of every rollout."""

    def __init__(self) -> None:
        super().__init__()
        self.means: list[float] = []

    def _on_rollout_end(self) -> None:
        self.means.append(float(self.model.rollout_buffer.values.mean()))  # type: ignore[attr-defined]

    def _on_step(self) -> bool:
        return True


def test_values_do_not_run_away_when_a_reward_arrives_late() -> None:
    """They stay below the largest possible return."""
    options: dict[str, Any] = {"n_steps": 256, "batch_size": 32, "n_epochs": 2, "device": "cpu"}
    values = Values()
    DistributionalPPO("MlpPolicy", Late(), critic="categorical", seed=0, **options).learn(
        256 * 9, values
    )
    assert len(values.means) == 9
    assert max(map(abs, values.means)) < 1.0


def test_clipping_of_values_is_in_units_of_the_returns(monkeypatch: pytest.MonkeyPatch) -> None:
    """What reaches the critic is the range over the deviation of the returns."""
    seen: list[float] = []
    make = update_module.Minibatch

    def note(**fields: Any) -> Any:
        seen.append(fields["clip_range_vf"])
        return make(**fields)

    monkeypatch.setattr(update_module, "Minibatch", note)
    model = make_model(make_env("Pendulum-v1"), clip_range_vf=5.0).learn(16)
    assert model.return_normalizer is not None
    assert model.return_normalizer.std > 1.5
    assert set(seen) == {5.0 / model.return_normalizer.std}
    seen.clear()
    make_model(clip_range_vf=5.0, normalize_returns=False).learn(16)
    assert set(seen) == {5.0}


def test_penalty_is_fed_the_kl_of_the_whole_update() -> None:
    """From the policy that collected to the one that is there when the update is over."""
    model = make_model(learning_rate=0.01, n_epochs=3)
    assert model.kl_penalty is not None
    fed: list[float] = []
    apply: Callable[[float], float] = model.kl_penalty.update
    model.kl_penalty.update = lambda kl: fed.append(kl) or apply(kl)  # type: ignore[method-assign, func-returns-value]
    model.train = lambda: update_module.update(model)  # type: ignore[method-assign]
    with pytest.warns(UserWarning, match="train is claimed by no part"):
        model.learn(16)
    buffer = model.rollout_buffer
    samples = buffer._get_samples(np.arange(16))
    with torch.no_grad():
        actions = samples.actions.long().flatten()
        log_ratio = model.policy.evaluate_actions(samples.observations, actions)[1]
        log_ratio = log_ratio - samples.old_log_prob
        expected = (log_ratio.exp() - 1 - log_ratio).mean()
    assert fed == [pytest.approx(float(expected), rel=1e-4)]
    assert fed[0] > 0


def test_one_word_switches_every_part_on() -> None:
    """Whatever the defaults are; what is given in detail is kept."""
    model = DistributionalPPO(
        "MlpPolicy", make_env(), components="all", device="cpu", twin_critics=False, vgs=False,
        kl_penalty={"target": 0.1}, normalize_returns={"half_life": 500},
    )  # fmt: skip
    assert model.vgs is not None
    assert len(model.policy.value_net.heads) == 2
    assert model.kl_penalty is not None
    assert model.return_normalizer is not None
    assert (model.kl_penalty.target, model.return_normalizer.half_life) == (0.1, 500)


def test_part_that_one_word_switched_on_can_be_switched_off_at_load(tmp_path: Path) -> None:
    """The caller wins over the file, and the half-life is the file's."""
    options: dict[str, Any] = {"normalize_returns": {"half_life": 500}}
    make_model(components="all", **options).learn(16).save(tmp_path / "run")
    loaded = DistributionalPPO.load(tmp_path / "run", device="cpu", vgs=False)
    assert loaded.vgs is None
    assert loaded.return_normalizer is not None
    assert loaded.return_normalizer.half_life == 500
