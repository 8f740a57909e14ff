"""Copies of SB3 models beside their files: pickle and deepcopy."""

import dataclasses

import pytest
import stable_baselines3 as sb
import torch
from resumeproof import Scenario, Verdict, sb3
from resumeproof.trial.defaults import own_scenarios
from resumeproof.verdicts.runner import run

NET = {"policy_kwargs": {"net_arch": [4]}}
MODELS = {"PPO": (sb.PPO, "CartPole-v1"), "SAC": (sb.SAC, "Pendulum-v1")}


class Leveled(sb.DQN):
    """Its weights depend on a level that no copy holds."""

    level = 1

    def train(self, *args, **kwargs):
        """One level further each time."""
        self.level += 1
        super().train(*args, **kwargs)
        with torch.no_grad():
            for parameter in self.policy.parameters():
                parameter *= 1 - 1e-3 * self.level

    def __getstate__(self):
        """Without the level."""
        return {name: value for name, value in vars(self).items() if name != "level"}


@pytest.mark.parametrize("medium", ["pickle", "deepcopy"])
@pytest.mark.parametrize("name", MODELS)
def test_a_copy_of_a_model_goes_on_as_the_model_does(name, medium):
    """Environment, buffers and streams come along; what torch cannot copy is named."""
    made, env = MODELS[name]
    subject = sb3(made, env=env, copies=(medium,), **NET)
    scenario = dataclasses.replace(own_scenarios(subject)[0], medium=medium)
    record = run(subject, scenario)
    if (name, medium) == ("PPO", "deepcopy"):  # it holds its last distribution, graph and all
        assert record.verdict is Verdict.ERROR
        assert "cannot be written: model.policy.action_dist.distribution" in record.error
    else:
        assert (record.verdict, record.findings) == (Verdict.EXACT, ())


@pytest.mark.parametrize("medium", ["pickle", "deepcopy"])
def test_a_copy_that_leaves_something_out_is_found(medium):
    """A class with a say in what is copied of it can forget, too."""
    subject = sb3(Leveled, env="CartPole-v1", copies=(medium,), **NET)
    record = run(subject, Scenario(length=48, save_at=32, medium=medium))
    assert record.verdict is Verdict.DIFFERS
    assert [str(mismatch.keypath) for mismatch in record.attribution.causes] == ["model.level"]
