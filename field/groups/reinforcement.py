"""Frameworks of reinforcement learning beside SB3: rsl-rl, skrl, tianshou, d3rlpy, torchrl.

torchrl's `PrioritizedSampler` is not among them: its compiled part does not load beside torch 2.13.
"""

from functools import partial

import d3rlpy
import gymnasium as gym
import numpy as np
import torch
from rsl_rl.algorithms import PPO
from rsl_rl.models import MLPModel
from rsl_rl.storage import RolloutStorage
from skrl.agents.torch import dqn
from skrl.memories.torch import RandomMemory
from skrl.resources.preprocessors.torch import RunningStandardScaler
from skrl.utils.model_instantiators.torch import deterministic_model
from tensordict import TensorDict
from tianshou.algorithm import DQN
from tianshou.algorithm.algorithm_base import policy_within_training_step
from tianshou.algorithm.modelfree.dqn import DiscreteQLearningPolicy
from tianshou.algorithm.optim import AdamOptimizerFactory
from tianshou.data import Batch, ReplayBuffer
from tianshou.utils.net.common import Net
from torchrl.data import (
    LazyTensorStorage,
    ListStorage,
    RandomSampler,
    SamplerWithoutReplacement,
)
from torchrl.data import ReplayBuffer as TorchrlBuffer

from ..row import Row

SEEN = TensorDict({"policy": torch.ones(4, 3)}, batch_size=[4])
SETS = {"actor": ["policy"], "critic": ["policy"]}
GAUSSIAN = {"class_name": "GaussianDistribution", "init_std": 1.0}
BOX, TWO = gym.spaces.Box(-1.0, 1.0, (3,)), gym.spaces.Discrete(2)
SPACES = {"observation_space": BOX, "action_space": TWO}
CFG = {"batch_size": 4, "experiment": {"write_interval": 0, "checkpoint_interval": 0}}
LAYERS = {
    "network": [{"name": "net", "input": "OBSERVATIONS", "layers": [8], "activations": "relu"}],
    "output": "ACTIONS",
}
EPISODES = d3rlpy.dataset.MDPDataset(
    observations=np.linspace(0.0, 1.0, 60, dtype=np.float32).reshape(20, 3),
    actions=np.arange(20) % 2,
    rewards=np.linspace(0.0, 1.0, 20),
    terminals=np.arange(20) % 10 == 9,
)


class RslRl:
    def __init__(self):
        actor = MLPModel(SEEN, SETS, "actor", 2, [8], distribution_cfg=GAUSSIAN)
        critic = MLPModel(SEEN, SETS, "critic", 1, [8])
        self.ppo = PPO(actor, critic, RolloutStorage("rl", 4, 3, SEEN, [2]), 1, 1)

    def step(self):
        for _ in range(3):
            self.ppo.act(SEEN)
            self.ppo.process_env_step(SEEN, torch.rand(4), torch.zeros(4), {})
        self.ppo.compute_returns(SEEN)
        return self.ppo.update()


def save_rsl_rl(run):
    return run.ppo.save()


def load_rsl_rl(run, saved):
    run.ppo.load(saved, None, True)


def skrl_dqn():
    made = {n: deterministic_model(**SPACES, **LAYERS) for n in ("q_network", "target_q_network")}
    agent = dqn.DQN(models=made, memory=RandomMemory(memory_size=8), cfg=CFG, **SPACES)
    agent.init()
    return agent


def interact(agent, i):
    named = dict.fromkeys(("observations", "next_observations"), torch.rand(1, 3))
    act, no = torch.tensor([[i % 2]]), torch.zeros(1, 1, dtype=torch.bool)
    agent.memory.add_samples(**named, actions=act, rewards=torch.rand(1, 1), terminated=no)
    agent.enable_training_mode(True)
    agent.post_interaction(timestep=i, timesteps=90)


def weights_of_skrl(agent):
    return [agent.models[name].state_dict() for name in sorted(agent.models)]


def scaler():
    return RunningStandardScaler(size=3)


def standardise(scaler):
    return scaler(torch.rand(4, 3), train=True)


def tianshou_dqn():
    net = Net(state_shape=3, action_shape=2, hidden_sizes=[8])
    policy = DiscreteQLearningPolicy(model=net, action_space=TWO, eps_training=0.1)
    return DQN(policy=policy, optim=AdamOptimizerFactory(lr=0.01), target_update_freq=3)


def update_tianshou(algorithm):
    buffer = ReplayBuffer(size=8)
    for i in range(8):
        seen = {"obs": np.full(3, 0.1 * i), "obs_next": np.full(3, 0.1 * i + 0.1)}
        buffer.add(Batch(act=i % 2, rew=0.1 * i, terminated=i == 7, truncated=False, **seen))
    with policy_within_training_step(algorithm.policy):
        algorithm.update(buffer, sample_size=4)


def d3rlpy_dqn():
    algorithm = d3rlpy.algos.DQNConfig(batch_size=4, target_update_interval=3).create()
    algorithm.create_impl((3,), 2)
    return algorithm


def update_d3rlpy(algorithm):
    return algorithm.update(EPISODES.sample_transition_batch(4))


def save_model(algorithm, path):
    algorithm.save_model(path)


def load_model(algorithm, path):
    algorithm.load_model(path)


def save_agent(agent, path):
    agent.save(str(path))


def load_agent(agent, path):
    agent.load(str(path))


def weights_of_d3rlpy(algorithm):
    modules = algorithm.impl.modules
    return [modules.q_funcs.state_dict(), modules.targ_q_funcs.state_dict()]


def buffer(sampler):
    return TorchrlBuffer(storage=LazyTensorStorage(12), sampler=sampler(), batch_size=4)


def fill(buffer, i):
    buffer.extend(TensorDict({"seen": torch.rand(5, 2)}, batch_size=[5]))
    return buffer.sample().get("seen")


def fill_list(buffer, i):
    buffer.extend([torch.rand(2) for _ in range(5)])
    return buffer.sample()


def listed():
    return TorchrlBuffer(storage=ListStorage(12), collate_fn=torch.stack, batch_size=4)


def kept(buffer):
    """What it holds, how much was written, and by what torchrl tells whether it has changed."""
    held = buffer[:] if len(buffer) else []
    held = dict(held) if isinstance(held, TensorDict) else held
    return [held, buffer._writer._write_count, int(buffer._storage._mutation_revision)]


def rows():
    return [
        Row(
            name="rsl-rl PPO",
            package="rsl-rl-lib",
            make=RslRl,
            step=RslRl.step,
            save=save_rsl_rl,
            load=load_rsl_rl,
            look=lambda run: run.ppo.save(),
            steps=12,
        ),
        Row(
            name="skrl DQN",
            package="skrl",
            make=skrl_dqn,
            step=interact,
            save=save_agent,
            load=load_agent,
            look=weights_of_skrl,
        ),
        Row(name="skrl RunningStandardScaler", package="skrl", make=scaler, step=standardise),
        Row(name="tianshou DQN", package="tianshou", make=tianshou_dqn, step=update_tianshou),
        Row(
            name="d3rlpy DQN",
            package="d3rlpy",
            make=d3rlpy_dqn,
            step=update_d3rlpy,
            save=save_model,
            load=load_model,
            look=weights_of_d3rlpy,
        ),
        Row(
            name="torchrl ReplayBuffer",
            package="torchrl",
            make=partial(buffer, RandomSampler),
            step=fill,
            look=kept,
        ),
        Row(
            name="torchrl ReplayBuffer, without replacement",
            package="torchrl",
            make=partial(buffer, SamplerWithoutReplacement),
            step=fill,
            look=kept,
        ),
        Row(
            name="torchrl ListStorage",
            package="torchrl",
            make=listed,
            step=fill_list,
            look=kept,
        ),
    ]
