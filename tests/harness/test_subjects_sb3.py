"""Stable-Baselines3 as shipped: what its checkpoints lose, by name, and no false alarm."""

import gymnasium
import pytest
import sb3_contrib
import stable_baselines3 as sb
from gymnasium.wrappers import RecordEpisodeStatistics
from resumeproof.causes.search import attribute
from resumeproof.core.scenario import Scenario
from resumeproof.subjects.sb3 import sb3
from resumeproof.trial.defaults import own_scenarios
from resumeproof.trial.trial import Trial
from resumeproof.verdicts.runner import run
from resumeproof.verdicts.verdict import Verdict
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv

NET = {"policy_kwargs": {"net_arch": [8]}}
ON = {"env": "CartPole-v1", **NET}
OFF = {"env": "Pendulum-v1", "learning_starts": 8, "buffer_size": 100, "batch_size": 8, **NET}
PPO = {"n_steps": 16, "batch_size": 16, "n_epochs": 2, **ON}
DQN = {**OFF, "env": "CartPole-v1"}
SUBJECTS = {
    "PPO": (sb3(sb.PPO, **PPO), 64, 32),
    "A2C": (sb3(sb.A2C, **ON), 60, 30),
    "DQN": (sb3(sb.DQN, **DQN), 64, 32),
    "SAC": (sb3(sb.SAC, **OFF), 32, 16),
    "TD3": (sb3(sb.TD3, **OFF), 32, 16),
    "DDPG": (sb3(sb.DDPG, **OFF), 32, 16),
    "TQC": (sb3(sb3_contrib.TQC, **OFF), 32, 16),
    "TRPO": (sb3(sb3_contrib.TRPO, n_steps=16, batch_size=16, **ON), 48, 16),
}
CAUSES = {
    "PPO": {"model._last_obs", "model.env", "streams.numpy", "streams.torch"},
    "DQN": {"model._last_obs", "model.env", "streams.numpy", "model.action_space"},
    "SAC": {"model._last_obs", "model.env", "streams.numpy", "streams.torch"},
}


def trial_of(name):
    """A trial of a stock algorithm, saved where a call of learn() ends."""
    subject, length, save_at = SUBJECTS[name]
    return Trial(subject, Scenario(length=length, save_at=save_at))


def timed():
    """An environment whose wrapper of Gymnasium notes the time of day."""

    def make():
        return Monitor(RecordEpisodeStatistics(gymnasium.make("CartPole-v1")))

    return DummyVecEnv([make])


def test_time_of_day_in_a_wrapper_is_no_state():
    """The repeat of a run has another time, and is the same run."""
    subject = sb3(sb.PPO, **{**PPO, "env": timed})
    scenario = Scenario(length=64, save_at=32)
    trial = Trial(subject, scenario)
    assert not trial.first_difference(trial.uninterrupted.at, trial.repeat.at)


@pytest.mark.parametrize("name", SUBJECTS)
def test_identical_runs_raise_no_alarm(name):
    """Two equally seeded runs agree at every boundary, and a second look at one sees the same."""
    trial = trial_of(name)
    assert not trial.first_difference(trial.uninterrupted.at, trial.repeat.at)
    live = trial.session.trained(0)
    assert trial.session.capture(live) == trial.session.capture(live)


@pytest.mark.parametrize("name", CAUSES)
def test_stock_algorithms_lose_exactly_these(name):
    """Observation, environment and the streams it draws from; all else is inert."""
    found = attribute(trial_of(name))
    assert found.complete
    assert set(found.groups) == CAUSES[name]
    assert len(found.inert) + len(found.healed) > len(found.lost)


SHORT_PPO = {"n_steps": 16, "batch_size": 16, "n_epochs": 2}
OF_COMMANDS = {
    "PPO": (
        sb3(sb.PPO, env="CartPole-v1", **SHORT_PPO),
        ("model._last_obs", "model.env", "streams.numpy", "streams.torch"),
        ("model._last_obs", "model.env", "streams.numpy", "streams.torch"),
    ),
    "DQN": (
        sb3(sb.DQN, env="CartPole-v1"),
        ("model._last_obs", "model.action_space", "model.env", "streams.numpy"),
        ("model._last_obs", "model.action_space", "model.env"),
    ),
    "SAC": (
        sb3(sb.SAC, env="Pendulum-v1"),
        ("model._last_obs", "model.env", "streams.numpy", "streams.torch"),
        ("model._last_obs", "model.action_space", "model.env"),
    ),
}


@pytest.mark.parametrize("name", OF_COMMANDS)
def test_scenarios_of_the_command_line_name_these_groups(name):
    """With default networks: what is lost past the middle, and what in the warm-up.

    A replay buffer saved as SB3 documents it is no cause; the space's stream is one while actions
    are samples of it, and those of numpy and torch once batches and noise are drawn.
    """
    subject, late, early = OF_COMMANDS[name]
    found = [attribute(Trial(subject, scenario)) for scenario in own_scenarios(subject)]
    got = [(each.complete, set(each.groups)) for each in found]
    assert got == [(True, {*late}), (True, {*early})]
    assert all(len(each.inert) + len(each.healed) > len(each.lost) for each in found)


def test_what_nobody_states_is_fitted_to_the_life():
    """Buffer and warm-up of a short scenario, unless given; on-policy algorithms have neither."""
    scenario = Scenario(length=48, save_at=28)
    fitted = {"buffer_size": 48, "learning_starts": 16}
    plain = sb3(sb.DQN, env="CartPole-v1")
    assert plain.fitted(scenario) == fitted
    model = plain.build(scenario)
    assert {name: getattr(model, name) for name in fitted} == fitted
    assert sb3(sb.DQN, **DQN).fitted(scenario) == {}
    assert sb3(sb.PPO, **PPO).fitted(scenario) == {}
    assert plain.capabilities.natural_length == 48
    assert sb3(sb.DQN, env="CartPole-v1", learning_starts=100).capabilities.natural_length == 200
    assert sb3(sb.PPO, **PPO).capabilities.natural_length is None


def test_the_action_space_stream_is_a_cause_while_actions_are_drawn_from_it():
    """Saved inside the warm-up of DQN, whose actions are samples of the space."""
    subject = sb3(sb.DQN, **{**DQN, "learning_starts": 40})
    found = attribute(Trial(subject, Scenario(length=48, save_at=24)))
    assert "model.action_space" in found.groups


def test_a_replay_buffer_that_is_not_saved_is_a_cause():
    """With `save_extras=False` the arrays of the buffer are named."""
    subject = sb3(sb.DQN, save_extras=False, **DQN)
    found = attribute(Trial(subject, Scenario(length=48, save_at=32)))
    assert {"model.replay_buffer"} <= set(found.groups)


def test_normalisation_is_saved_but_for_its_returns():
    """VecNormalize keeps its statistics, and drops the discounted returns."""
    subject = sb3(sb.PPO, **{**PPO, "env": "Pendulum-v1", "normalize": True})
    found = attribute(Trial(subject, Scenario(length=48, save_at=16)))
    paths = {str(mismatch.keypath) for mismatch in found.causes}
    assert "model.env.returns" in paths
    assert not any("obs_rms" in path or "ret_rms" in path for path in paths)


def test_stock_ppo_differs_and_its_learn_is_said_not_to_be_reentrant():
    """The verdict, the checks that failed, and the note."""
    subject, length, save_at = SUBJECTS["PPO"]
    record = run(subject, Scenario(length=length, save_at=save_at))
    assert record.verdict is Verdict.DIFFERS
    assert [finding.check for finding in record.findings] == ["resume"]
    assert "not re-entrant" in record.notes[-1]


def test_what_sb3_saves_to_files_has_no_medium_in_memory():
    """UNSUPPORTED, with what to choose instead."""
    subject, length, save_at = SUBJECTS["DQN"]
    record = run(subject, Scenario(length=length, save_at=save_at, medium="memory"))
    assert record.verdict is Verdict.UNSUPPORTED
    assert "choose medium='file'" in record.skipped[0].reason


def test_a_class_with_a_save_of_its_own_is_saved_by_that_alone():
    """It is not given its buffers and environments a second time."""

    class Mine(sb.PPO):
        def save(self, *args, **kwargs):
            super().save(*args, **kwargs)

    class Plain(sb.PPO):
        pass

    assert not sb3(Mine, env="CartPole-v1").save_extras
    assert sb3(Plain, env="CartPole-v1").save_extras
