"""What stock SB3 does by itself fails no check but `resume`; what a class built on it adds does."""

import dataclasses

import pytest
import sb3_contrib
import stable_baselines3 as sb
import torch
from resumeproof.checks import CHECKS
from resumeproof.core.scenario import Scenario
from resumeproof.subjects.sb3 import sb3
from resumeproof.trial.trial import Trial
from resumeproof.verdicts.runner import run
from resumeproof.verdicts.verdict import Verdict
from stable_baselines3.common.torch_layers import FlattenExtractor

NET = {"policy_kwargs": {"net_arch": [8]}}
CART, PENDULUM = {"env": "CartPole-v1", **NET}, {"env": "Pendulum-v1", **NET}
SUBJECTS = {
    "PPO": sb3(sb.PPO, **CART),
    "DQN": sb3(sb.DQN, **CART),
    "SAC": sb3(sb.SAC, **PENDULUM),
    "TQC": sb3(sb3_contrib.TQC, **PENDULUM),
    "TRPO": sb3(sb3_contrib.TRPO, **CART),
    "ARS": sb3(sb3_contrib.ARS, **CART),
}
# those that a stock class fails by itself; each must be held against it where it is strict
SPARED = ("roundtrip", "idempotence", "completeness", "order", "override")
SHORT = Scenario(length=48, save_at=32)
LIVES = {
    "SAC": Scenario(length=48, save_at=30),
    "TQC": Scenario(length=48, save_at=30),
    "ARS": Scenario(length=96, save_at=48),
}


class Plain(sb.PPO):
    """Adds nothing."""


class Counts(sb.PPO):
    """Counts its updates, and saves everything, but resets the count at a load."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.updates = 0

    def train(self):
        """Counts, and trains."""
        self.updates += 1
        super().train()

    def _excluded_save_params(self):
        return [*super()._excluded_save_params(), "updates"]


class NoMoments(sb.PPO):
    """Forgets the moments of its optimizer at a load."""

    @classmethod
    def load(cls, *args, **kwargs):
        """Loads, and then forgets."""
        model = super().load(*args, **kwargs)
        model.policy.optimizer.state.clear()
        return model


class Tired(FlattenExtractor):
    """Counts its calls beside what its state_dict holds."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.calls = 0

    def forward(self, observations):
        """Gives a little more at every call."""
        self.calls += 1
        return super().forward(observations) * (1 + 0.01 * self.calls)


class Fixed(sb.PPO):
    """Chooses its own network and rollout, whatever it is given."""

    def __init__(self, policy, env, seed=None, device="cpu", _init_setup_model=True):
        super().__init__(
            policy,
            env,
            n_steps=8,
            batch_size=8,
            n_epochs=1,
            policy_kwargs={"net_arch": [4], "activation_fn": torch.nn.ReLU},
            seed=seed,
            device=device,
            _init_setup_model=_init_setup_model,
        )


def record_of(name, *checks, strict=False):
    """The record of checks of a stock class."""
    subject = dataclasses.replace(SUBJECTS[name], strict=strict)
    scenario = LIVES.get(name, SHORT)
    return run(subject, scenario, checks, attribution=False)


def paths(subject, check="roundtrip", scenario=SHORT):
    """Where a check sees differences."""
    record = run(subject, scenario, [check], attribution=False)
    return {str(m.keypath) for finding in record.findings for m in finding.diff.mismatches}


@pytest.mark.parametrize("name", SUBJECTS)
def test_stock_classes_fail_no_check_for_what_sb3_does(name):
    """Each check but `resume` holds, and what was set aside is said once, with who does so."""
    record = record_of(name, *({*CHECKS} - {"resume", "fresh_process", "strictness"}))
    assert record.verdict is Verdict.EXACT
    own = [str(note) for note in record.spared if f"sb3:{name} does the same" in str(note)]
    assert {"roundtrip", "idempotence", "completeness"} <= {note.partition(":")[0] for note in own}


def test_damaged_states_that_set_parameters_takes_in_part_fail_no_stock_class():
    """SB3 loads one part after the other, so that an error leaves those before it loaded."""
    assert record_of("DQN", "strictness").verdict is Verdict.EXACT
    assert record_of("DQN", "strictness", strict=True).verdict is Verdict.DIFFERS


@pytest.mark.parametrize("check", SPARED)
def test_a_strict_subject_answers_for_what_the_library_does(check):
    """`strict=True` judges it."""
    assert record_of("PPO", check, strict=True).verdict is Verdict.DIFFERS


def test_resume_fails_stock_ppo_and_says_what_it_loses():
    """The future decides: observation, environment and streams are named."""
    record = run(SUBJECTS["PPO"], SHORT)
    assert record.verdict is Verdict.DIFFERS
    assert [finding.check for finding in record.findings] == ["resume"]
    assert {"model._last_obs", "model.env"} <= set(record.attribution.groups)


@pytest.mark.parametrize("check", SPARED)
@pytest.mark.parametrize("algorithm", [Plain, Fixed])
def test_a_class_that_adds_nothing_fails_nothing(algorithm, check):
    """Neither as it is, nor with options that only its own code names."""
    assert paths(sb3(algorithm, env="CartPole-v1"), check) == set()


def test_what_a_class_loses_beside_its_library_fails():
    """Exactly that is named, by the check that compares what came back."""
    assert paths(sb3(Counts, **CART)) == {"model.updates"}
    assert paths(sb3(Counts, **CART), "completeness", dataclasses.replace(SHORT, into="fresh")) == {
        "model.updates"
    }


def test_moments_that_a_load_forgets_are_not_the_librarys():
    """The optimizer's state lies below the policy, of which stock PPO loses nothing."""
    found = paths(sb3(NoMoments, **CART))
    assert found
    assert all(path.startswith("model.policy.optimizer.state[") for path in found)


def test_a_class_of_ones_own_inside_a_stock_policy_is_ones_own():
    """The extractor's count is lost by a stock PPO, and no stock extractor has one."""
    kwargs = {"net_arch": [8], "features_extractor_class": Tired}
    found = paths(sb3(sb.PPO, env="CartPole-v1", policy_kwargs=kwargs))
    assert found
    assert all(path.endswith("_extractor.calls") for path in found)


def test_a_trial_of_the_library_is_the_trial_itself_where_all_is_stock():
    """Nothing is run twice for it; a class built on it is run as stock, with the same options."""
    trial = Trial(SUBJECTS["PPO"], SHORT)
    assert trial.of_library(0) is trial
    built_on = Trial(sb3(Fixed, env="CartPole-v1"), SHORT).of_library(1)
    assert built_on.subject.algorithm is sb.PPO
    assert built_on.scenario.seed == 1
    assert built_on.session.build().n_steps == 8
