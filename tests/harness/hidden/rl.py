"""Facts of spaces, environments, buffers and wrappers. Rows as in `test_hidden_facts`."""

import functools

import gymnasium
import numpy as np
from gymnasium import spaces, wrappers
from gymnasium.vector import SyncVectorEnv
from stable_baselines3.common import noise
from stable_baselines3.common.buffers import DictReplayBuffer, ReplayBuffer, RolloutBuffer
from stable_baselines3.common.running_mean_std import RunningMeanStd
from stable_baselines3.common.vec_env import (
    DummyVecEnv,
    VecCheckNan,
    VecFrameStack,
    VecNormalize,
)
from stable_baselines3.her.her_replay_buffer import HerReplayBuffer

from tests.harness.hidden.rows import EXTRA, attribute, doing

box = functools.partial(spaces.Box, -1.0, 1.0, (2,), seed=1)
discrete = functools.partial(spaces.Discrete, 2, seed=1)
cartpole = functools.partial(gymnasium.make, "CartPole-v1")


def goals():
    """What a goal-conditioned environment shows."""
    names = ("observation", "achieved_goal", "desired_goal")
    return spaces.Dict({name: box() for name in names}, seed=1)


class Goal(gymnasium.Env):
    """An environment with a goal."""

    goal = 0

    def __init__(self):
        self.observation_space, self.action_space = goals(), discrete()

    def compute_reward(self, *args):
        """Nothing."""
        return np.zeros(1)


def settled(live):
    """The same with every space seeded and without the time of day."""
    live.reset(seed=1)
    layer = live
    while layer is not None:
        for space in ("observation_space", "action_space", "single_observation_space"):
            # asked of no wrapper that would ask the one below: old releases warn of it
            if space in vars(layer) or hasattr(type(layer), space):
                getattr(layer, space).seed(1)
        for clock in {"episode_start_time", "episode_start_times"} & vars(layer).keys():
            setattr(layer, clock, 0.0)
        layer = getattr(layer, "env", None)
    return live


def env(layer=lambda it: it, *args, **options):
    """Makes an environment under a wrapper."""
    return lambda: settled(layer(cartpole(), *args, **options))


def sync():
    """Two environments in one."""
    live = SyncVectorEnv([cartpole] * 2)
    live.single_action_space.seed(1)
    return settled(live)


def vec(layer=lambda it: it, **options):
    """Makes two environments of SB3 under a wrapper."""

    def made():
        live = layer(DummyVecEnv([cartpole] * 2), **options)
        live.seed(1)
        live.reset()
        return live

    return made


def acting(kind):
    """Makes a noise of actions."""
    return lambda: kind(np.zeros(1), np.ones(1))


def buffer(kind, space=box, **options):
    """Makes an empty buffer of three steps."""
    return lambda: kind(3, space(), discrete(), device="cpu", **options)


def her():
    """A buffer that relabels goals."""
    return buffer(HerReplayBuffer, goals, env=DummyVecEnv([Goal]))()


def core(act):
    """A change of the environment below all wrappers."""
    return doing(lambda live: act(live.unwrapped))


def item_of(name, key=0, value=5):
    """The change of one item of an attribute."""
    return lambda live: getattr(live, name).__setitem__(key, value)


SPACES = {
    "stream made on demand": (lambda: spaces.Box(0, 1), doing(lambda it: it.np_random)),
    "stream": (box, doing(lambda it: it.sample())),
    "bound": (box, lambda it: it.low.__setitem__(0, -2)),
    "dtype": (box, attribute("dtype", np.dtype("f8"))),
    "attribute of a space": (box, EXTRA),
    "order of spaces": (
        goals,
        lambda it: it.spaces.update(desired_goal=it.spaces.pop("desired_goal")),
    ),
    "space of a dict": (goals, doing(lambda it: it["observation"].sample())),
    "space of a tuple": (
        lambda: spaces.Tuple([box(), box()], seed=1),
        doing(lambda it: it.spaces[1].sample()),
    ),
    "start": (discrete, attribute("start", np.int64(1))),
    "type of a number": (discrete, attribute("n", 2)),
    "numbers": (lambda: spaces.MultiDiscrete([2, 3], seed=1), lambda it: it.nvec.__setitem__(0, 5)),
    "bits": (lambda: spaces.MultiBinary(2, seed=1), doing(lambda it: it.sample())),
    "text": (lambda: spaces.Text(3, seed=1), doing(lambda it: it.sample())),
    "sequence": (
        lambda: spaces.Sequence(discrete(), seed=1),
        doing(lambda it: it.feature_space.sample()),
    ),
    "graph": (
        lambda: spaces.GraphInstance(np.zeros(1), None, None),
        lambda it: it.nodes.__setitem__(0, 1),
    ),
}
ENVIRONMENTS = {
    "stream of an environment": (env(), core(lambda it: it.np_random.random())),
    "seed": (env(), core(attribute("_np_random_seed", 5))),
    "state": (env(), core(attribute("state", [1]))),
    "reset": (env(), attribute("_has_reset", False)),
    "spec": (env(), core(lambda it: it.spec.kwargs.update(a=1))),
    "TimeLimit": (env(wrappers.TimeLimit, 5), attribute("_elapsed_steps", 2)),
    "NormalizeObservation": (
        env(wrappers.NormalizeObservation),
        lambda it: it.obs_rms.mean.__setitem__(0, 5),
    ),
    "count of episodes": (env(wrappers.RecordEpisodeStatistics), attribute("episode_count", 5)),
    "returns": (
        env(wrappers.RecordEpisodeStatistics),
        lambda it: it.return_queue.append(1.0),
    ),
    "environment of a vector": (sync, doing(lambda it: it.envs[1].step(0))),
}
# gymnasium 0.29 has other wrappers, or other names in them
_NEWER = hasattr(wrappers, "FrameStackObservation")
NEWER = _NEWER and {
    "NormalizeReward": (
        env(wrappers.NormalizeReward),
        attribute("discounted_reward", np.ones(1)),
    ),
    "FrameStackObservation": (
        env(wrappers.FrameStackObservation, 2),
        lambda it: it.obs_queue.append(it.obs_queue[0] + 1),
    ),
    "DelayObservation": (
        env(wrappers.DelayObservation, 2),
        lambda it: it.observation_queue.append(1),
    ),
    "StickyAction": (env(wrappers.StickyAction, 0.5), attribute("last_action", 1)),
    "TransformObservation": (
        env(wrappers.TransformObservation, np.copy, None),
        attribute("func", np.abs),
    ),
    "TimeAwareObservation": (env(wrappers.TimeAwareObservation), attribute("timesteps", 5)),
    "Autoreset": (env(wrappers.Autoreset), attribute("autoreset", True)),
    "SyncVectorEnv": (sync, item_of("_autoreset_envs", 0, True)),
}
SB3 = {
    "DummyVecEnv": (vec(), lambda it: it.buf_dones.__setitem__(0, True)),
    "one environment for two": (vec(), lambda it: it.envs.__setitem__(1, it.envs[0])),
    "seeds": (vec(), lambda it: it._seeds.__setitem__(0, 5)),
    "mean": (vec(VecNormalize), lambda it: it.obs_rms.mean.__setitem__(0, 5)),
    "count": (vec(VecNormalize), lambda it: setattr(it.ret_rms, "count", 5)),
    "discounted returns": (vec(VecNormalize), lambda it: it.returns.__setitem__(0, 5)),
    "training": (vec(VecNormalize), attribute("training", False)),
    "last observation": (vec(VecNormalize), lambda it: it.old_obs.__setitem__(0, 5)),
    "stack": (
        vec(VecFrameStack, n_stack=2),
        lambda it: it.stacked_obs.stacked_obs.__setitem__(0, 5),
    ),
    "warning given": (vec(VecCheckNan), attribute("_user_warned", True)),
    "RunningMeanStd": (RunningMeanStd, attribute("count", 1)),
    "normal noise": (acting(noise.NormalActionNoise), lambda it: it._sigma.__setitem__(0, 5)),
    "last noise": (
        acting(noise.OrnsteinUhlenbeckActionNoise),
        lambda it: it.noise_prev.__setitem__(0, 5),
    ),
    "noises": (
        lambda: noise.VectorizedActionNoise(acting(noise.OrnsteinUhlenbeckActionNoise)(), 2),
        lambda it: it.noises[1].noise_prev.__setitem__(0, 5),
    ),
    "full": (buffer(ReplayBuffer), attribute("full", True)),
    "position": (buffer(ReplayBuffer), attribute("pos", 1)),
    "next observations": (
        buffer(ReplayBuffer, optimize_memory_usage=True, handle_timeout_termination=False),
        lambda it: it.observations.__setitem__(2, 5),
    ),
    "timeouts": (buffer(ReplayBuffer), lambda it: it.timeouts.__setitem__(2, 1)),
    "rollout": (buffer(RolloutBuffer), attribute("generator_ready", True)),
    "goals": (
        buffer(DictReplayBuffer, goals),
        lambda it: it.next_observations["achieved_goal"].__setitem__(2, 5),
    ),
    "start of an episode": (her, lambda it: it._current_ep_start.__setitem__(0, 1)),
    "length of an episode": (her, lambda it: it.ep_length.__setitem__(0, 1)),
    "what an episode told": (her, lambda it: it.infos.__setitem__(0, {1: 1})),
    "goal of the environment": (her, lambda it: setattr(it.env.envs[0], "goal", 5)),
}
FACTS = {**SPACES, **ENVIRONMENTS, **(NEWER or {}), **SB3}
NOT_STATE = {}
REFUSED = {}
