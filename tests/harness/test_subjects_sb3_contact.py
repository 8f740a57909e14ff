"""Other people's SB3 classes on first contact: what they pass on, wrap, fix and forget to say."""

import tempfile
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
import sb3_contrib
import stable_baselines3 as sb
from gymnasium import wrappers
from resumeproof import Scenario, Verdict, sb3
from resumeproof.causes.search import attribute
from resumeproof.core.errors import InvalidScenario, InvalidSubject, InvalidTarget
from resumeproof.trial.trial import Trial
from resumeproof.verdicts.runner import run
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.vec_env import (
    DummyVecEnv,
    SubprocVecEnv,
    VecFrameStack,
    VecMonitor,
    VecNormalize,
)

SCENARIO = Scenario(length=48, save_at=32)
NET = {"policy_kwargs": {"net_arch": [4]}}


class Passing(sb.PPO):
    """Passes on whatever it gets."""

    def __init__(self, *args, extra=1, **kwargs):
        self.extra = extra
        super().__init__(*args, **kwargs)


class PassingDqn(sb.DQN):
    """The same, two classes up."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)


class PassingTwice(PassingDqn):
    """Passes on to a class that passes on."""

    def __init__(self, *args, depth=2, **kwargs):
        self.depth = depth
        super().__init__(*args, **kwargs)


class Fixed(sb.PPO):
    """Chooses its policy and its rollouts itself."""

    def __init__(self, env, **kwargs):
        super().__init__("MlpPolicy", env, n_steps=8, batch_size=8, **kwargs)


class OwnSave(sb.PPO):
    """A line of log around SB3's save."""

    def save(self, path, *args, **kwargs):
        """As SB3 does."""
        super().save(path, *args, **kwargs)


class AnyStep(OwnSave):
    """Claims that it can be saved at any step."""

    checkpoint_save_points = "any step"


class Curriculum(BaseCallback):
    """Counts its steps, and makes the run depend on them."""

    def __init__(self, goal):
        super().__init__()
        self.goal, self.level = goal, 0

    def _on_step(self):
        self.level += 1
        self.model.ent_coef = 0.001 * (self.level // self.goal)
        return True


class Image(gym.Env):
    """Images that a generator of the environment draws."""

    def __init__(self, size=36):
        self.observation_space = gym.spaces.Box(0, 255, (1, size, size), np.uint8)
        self.action_space = gym.spaces.Discrete(2)
        self.steps = 0

    def reset(self, *, seed=None, options=None):
        """Starts an episode of nine steps."""
        super().reset(seed=seed)
        self.steps = 0
        return self.draw(), {}

    def draw(self):
        """One image."""
        return self.np_random.integers(0, 255, self.observation_space.shape, dtype=np.uint8)

    def step(self, action):
        """Rewards the action."""
        self.steps += 1
        return self.draw(), float(action), False, self.steps >= 9, {}


class Named(Image):
    """The same images in a dict."""

    def __init__(self):
        super().__init__()
        self.observation_space = gym.spaces.Dict({"image": self.observation_space})

    def draw(self):
        """One image, by its name."""
        space = self.observation_space["image"]
        return {"image": self.np_random.integers(0, 255, space.shape, dtype=np.uint8)}


def cart():
    """One vectorised CartPole."""
    return DummyVecEnv([lambda: gym.make("CartPole-v1")])


def repeats(subject, scenario=SCENARIO):
    """Whether two runs of a scenario are the same."""
    trial = Trial(subject, scenario)
    return not trial.first_difference(trial.uninterrupted.at, trial.repeat.at)


@pytest.mark.parametrize(("made", "fitted"), [
    (Passing, {"n_steps": 16, "batch_size": 16}),
    (PassingTwice, {"buffer_size": 48, "learning_starts": 16}),
    (sb.SAC, {"buffer_size": 48, "learning_starts": 16, "batch_size": 16}),
    (sb.A2C, {}),
    (Fixed, {}),
])  # fmt: skip
def test_options_are_found_behind_keywords_and_fitted(made, fitted):
    """Through every class that passes them on; not where a class fixes them itself."""
    subject = sb3(made, env="Pendulum-v1" if made is sb.SAC else "CartPole-v1")
    assert subject.fitted(SCENARIO) == fitted
    model = subject.build(SCENARIO)
    assert {name: getattr(model, name) for name in fitted} == fitted


def test_rollouts_that_a_class_fixes_are_the_ones_that_are_looked_at():
    """They are read from a model, as no signature tells them."""
    subject = sb3(Fixed, env="CartPole-v1")
    assert list(subject.boundaries(SCENARIO)) == [8, 16, 24, 32, 40, 48]
    assert subject.build(SCENARIO).n_steps == 8


@pytest.mark.parametrize(("given", "fitted"), [
    ({"n_steps": 24}, {"batch_size": 12}),
    ({"n_steps": 128}, {}),
    ({"batch_size": 64}, {"n_steps": 64}),
    ({"n_envs": 3}, {"n_steps": 16, "batch_size": 16}),
    ({"n_steps": 17}, {"batch_size": 17}),
])  # fmt: skip
def test_batches_divide_rollouts(given, fitted):
    """What the user has given stays, and the rest is made to fit."""
    subject = sb3(sb.PPO, env="CartPole-v1", **given)
    assert subject.fitted(SCENARIO) == fitted


def test_environments_of_a_function_are_counted():
    """Three environments take three steps at once."""
    subject = sb3(sb.A2C, env=lambda: DummyVecEnv([lambda: gym.make("CartPole-v1")] * 3))
    assert subject.stride(SCENARIO) == 3
    assert list(subject.boundaries(SCENARIO)) == [15, 30, 45]


@pytest.mark.parametrize("option", ["callbacks", "learn_kwargs", "n_step"])
def test_option_that_the_algorithm_does_not_take_is_refused(option):
    """At once, with what it takes."""
    with pytest.raises(InvalidSubject, match=rf"PPO takes, got {option}: it takes .*n_steps.*lea"):
        sb3(sb.PPO, env="CartPole-v1", **{option: 3})


@pytest.mark.parametrize(("made", "given", "between"), [
    (sb.PPO, {}, True),
    (OwnSave, {}, True),
    (AnyStep, {}, False),
    (OwnSave, {"save_points": "any step"}, False),
    (AnyStep, {"save_points": "between calls"}, True),
])  # fmt: skip
def test_saves_lie_between_calls_unless_the_author_says_any_step(made, given, between):
    """A save of its own is no claim about where it is right."""
    assert sb3(made, env="CartPole-v1", **given).capabilities.between_calls == between


def test_save_points_are_one_of_two():
    """The message shows what was given, and both."""
    with pytest.raises(InvalidSubject, match=r"'between calls' or 'any step', got 'always'"):
        sb3(OwnSave, env="CartPole-v1", save_points="always")


def test_a_callback_under_test_loses_its_state():
    """It is made anew for the resumed run, and what it counted is a cause."""
    subject = sb3(Passing, env="CartPole-v1", callback=lambda: Curriculum(8), **NET)
    found = attribute(Trial(subject, SCENARIO))
    assert any(str(mismatch.keypath) == "callback.level" for mismatch in found.causes)
    assert not any(".locals" in str(mismatch.keypath) for mismatch in found.causes)


@pytest.mark.parametrize("given", [Curriculum(2), [Curriculum(2)], Curriculum, 3])
def test_a_callback_is_given_as_a_function_that_makes_it(given):
    """One callback in all runs would carry its state from one into the other."""
    with pytest.raises(InvalidSubject, match=r"write callback=lambda: MyCallback"):
        sb3(Passing, env="CartPole-v1", callback=given)


@pytest.mark.parametrize(("env", "policy"), [
    (cart, "MlpPolicy"),
    (lambda: DummyVecEnv([Image]), "CnnPolicy"),
    (lambda: DummyVecEnv([lambda: Image(8)]), "MlpPolicy"),
    (lambda: DummyVecEnv([Named]), "MultiInputPolicy"),
])  # fmt: skip
def test_policy_fits_the_observations(env, policy):
    """Images, dicts of them, and all else; the class is the one that the alias names."""
    made = sb3(sb.A2C, env=env).build(SCENARIO)
    assert type(made.policy) is sb.A2C.policy_aliases[policy]


def test_policies_of_an_algorithm_with_names_of_its_own_are_found():
    """A recurrent one has an alias that begins alike."""
    made = sb3(sb3_contrib.RecurrentPPO, env="CartPole-v1").build(SCENARIO)
    assert type(made.policy).__name__ == "RecurrentActorCriticPolicy"


def test_policy_is_taken_as_module_and_class():
    """As a command line says it."""
    path = "stable_baselines3.common.policies:ActorCriticPolicy"
    assert (
        type(sb3(sb.A2C, env="CartPole-v1", policy=path).build(SCENARIO).policy)
        is ActorCriticPolicy
    )
    with pytest.raises(InvalidTarget, match="expected a name in json, got 'Nothing'"):
        sb3(sb.A2C, env="CartPole-v1", policy="json:Nothing").build(SCENARIO)


@pytest.mark.parametrize("env", [
    lambda: VecNormalize(VecFrameStack(cart(), 2)),
    lambda: VecFrameStack(VecNormalize(cart()), 2),
    lambda: VecMonitor(VecNormalize(cart())),
])  # fmt: skip
def test_statistics_come_back_wherever_they_sit(env):
    """Under other wrappers too, so that none of them is called lost."""
    subject = sb3(sb.PPO, env=env, n_steps=8, batch_size=8, n_epochs=1, **NET)
    trial = Trial(subject, Scenario(length=16, save_at=8))
    load = trial.resumed.loads[0]
    lost = [str(m.keypath) for m in trial.compare(load.saved, load.loaded).mismatches]
    assert lost
    assert not [path for path in lost if "rms" in path]


def test_environments_in_other_processes_are_refused_by_name():
    """The message says which to write."""
    subject = sb3(sb.PPO, env=lambda: SubprocVecEnv([lambda: gym.make("CartPole-v1")]))
    with pytest.raises(InvalidSubject, match=r"got SubprocVecEnv.*write DummyVecEnv"):
        subject.build(SCENARIO)


@pytest.mark.parametrize("kind", ["image", "dict", "frames"])
def test_networks_that_sample_a_space_repeat(kind):
    """The stream of a space that nobody seeded belongs to the seed of the run."""
    envs = {"image": [Image], "dict": [Named], "frames": [lambda: Image(64)]}
    extractor = {"cnn_output_dim": 8} if kind == "dict" else {"features_dim": 8}
    subject = sb3(
        sb.PPO,
        env=lambda: DummyVecEnv(envs[kind]),
        n_steps=8,
        batch_size=8,
        n_epochs=1,
        policy_kwargs={"features_extractor_kwargs": extractor, "net_arch": [4]},
    )
    assert repeats(subject, Scenario(length=16, save_at=8))


@pytest.mark.parametrize("wrap", [
    wrappers.NormalizeObservation,
    lambda env: wrappers.FrameStackObservation(env, 2),
    lambda env: wrappers.DelayObservation(env, 2),
    lambda env: wrappers.StickyAction(env, 0.3),
    lambda env: wrappers.MaxAndSkipObservation(env, 2),
])  # fmt: skip
def test_wrappers_of_gymnasium_repeat(wrap):
    """Nothing in them is random beyond the seeds."""
    subject = sb3(
        sb.PPO,
        env=lambda: DummyVecEnv([lambda: wrap(gym.make("CartPole-v1"))]),
        n_steps=8,
        batch_size=8,
        n_epochs=1,
        **NET,
    )
    assert repeats(subject, Scenario(length=24, save_at=8))


@pytest.mark.parametrize(("made", "given", "length"), [
    (sb.DQN, {"train_freq": (1, "episode")}, 64),
    (sb.SAC, {"train_freq": (1, "episode"), "env": "Pendulum-v1"}, 64),
    (sb3_contrib.ARS, {"policy": "LinearPolicy"}, 256),
])  # fmt: skip
def test_what_stops_at_the_end_of_an_episode_is_saved_there(made, given, length):
    """The run goes on from where `learn()` stopped, and two of them are the same."""
    subject = sb3(made, **{"env": "CartPole-v1", **given})
    scenario = Scenario(length=length, save_at=length // 2)
    trial = Trial(subject, scenario)
    assert not trial.first_difference(trial.uninterrupted.at, trial.repeat.at)
    record = run(subject, scenario, ("purity", "resume"))
    assert record.verdict is Verdict.DIFFERS
    assert not [finding for finding in record.findings if finding.check == "purity"]


def test_hindsight_goes_on_in_its_episode():
    """Its buffer is not cut at the end when it is read back."""
    subject = sb3(
        sb.DQN,
        env=lambda: DummyVecEnv([_bits]),
        replay_buffer_class="stable_baselines3:HerReplayBuffer",
        learning_starts=16,
        batch_size=8,
        **NET,
    )
    trial = Trial(subject, Scenario(length=40, save_at=28))
    load = trial.resumed.loads[0]
    lost = [str(m.keypath) for m in trial.compare(load.saved, load.loaded).mismatches]
    of_buffer = [path for path in lost if path.startswith("model.replay_buffer.")]
    assert not [path for path in of_buffer if "space" not in path and ".env" not in path]


def _bits():
    from stable_baselines3.common.envs import BitFlippingEnv

    return BitFlippingEnv(n_bits=4, max_steps=8)


def test_a_model_can_be_loaded_without_an_environment():
    """Which is set afterwards, where the subject says so."""
    subject = sb3(sb.A2C, env="CartPole-v1", copies=("set_env",), **NET)
    assert subject.capabilities.media == ("file", "parameters", "set_env")
    trial = Trial(subject, Scenario(length=20, save_at=10, medium="set_env"))
    assert len(trial.resumed.loads) == 1


def test_no_folders_are_left_behind(monkeypatch, tmp_path):
    """SB3 makes one for every call of `learn()`, also where nothing is logged."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    run(sb3(sb.A2C, env="CartPole-v1", **NET), Scenario(length=20, save_at=10), ("resume",))
    assert [path.name for path in Path(tmp_path).glob("SB3-*")] == []


def test_a_save_inside_a_call_is_refused_for_a_class_with_its_own_save():
    """Between calls is the default, and says where that is."""
    subject = sb3(OwnSave, env="CartPole-v1")
    with pytest.raises(InvalidScenario, match=r"save point 5.*\[0, 16, 32, 48\]"):
        Trial(subject, Scenario(length=48, save_at=5))
