"""The same script after a crash; two lines have changed."""

import sys

import gymnasium as gym
import numpy as np
from resumeproof import algo
from stable_baselines3 import SAC
from stable_baselines3.common.callbacks import EvalCallback
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.noise import NormalActionNoise
from stable_baselines3.common.vec_env import VecNormalize

FOLDER, TOTAL = sys.argv[1], 600


def short(**options):
    """Pendulum, with episodes that are short enough to see many of them."""
    return gym.make("Pendulum-v1", max_episode_steps=50, **options)


env = VecNormalize(make_vec_env(short, n_envs=2, seed=0))
options = {
    "action_noise": NormalActionNoise(np.zeros(1), 0.1 * np.ones(1)),
    "buffer_size": 30_000,
    "learning_starts": 100,
    "batch_size": 32,
    "policy_kwargs": {"net_arch": [16]},
    "seed": 0,
}
model = algo.resume(f"{FOLDER}/checkpoints", env)
evaluation = VecNormalize(make_vec_env(short, seed=1), training=False)
callbacks = [
    algo.ExactCheckpointCallback(25, f"{FOLDER}/checkpoints", keep=2),
    EvalCallback(evaluation, eval_freq=80, n_eval_episodes=1, verbose=0),
]
model.learn(TOTAL - model.num_timesteps, callback=callbacks, reset_num_timesteps=False)
model.save(f"{FOLDER}/final.zip")
env.save(f"{FOLDER}/normalize.pkl")
