"""Capture of live, trained algorithms: complete, repeatable, without a false alarm."""

import copy
import io
import subprocess
import sys

import numpy as np
import pytest
import stable_baselines3 as sb3
import torch
from resumeproof.core.exclusions import Exclusion
from resumeproof.core.keypath import KeyPath
from resumeproof.core.randomness import preserved_streams
from resumeproof.state.capture import capture, capture_streams
from resumeproof.state.compare import compare
from stable_baselines3.common.logger import configure

REPLAY = {"buffer_size": 200, "learning_starts": 16}
SUBJECTS = {
    "ppo": (sb3.PPO, "CartPole-v1", {"n_steps": 32, "batch_size": 16, "n_epochs": 2}),
    "a2c": (sb3.A2C, "CartPole-v1", {"n_steps": 32}),
    "dqn": (sb3.DQN, "CartPole-v1", REPLAY),
    "sac": (sb3.SAC, "Pendulum-v1", REPLAY),
    "td3": (sb3.TD3, "Pendulum-v1", REPLAY),
    "ddpg": (sb3.DDPG, "Pendulum-v1", REPLAY),
}
ON_POLICY = ("ppo", "a2c")
WITH_ACTOR = ("sac", "td3", "ddpg")
CLOCK = "wall clock: says when, not what"
WALL_CLOCK = tuple(
    Exclusion(pattern=pattern, reason=CLOCK)
    for pattern in (
        "start_time",
        "ep_info_buffer[*]['t']",
        "env.envs[*].t_start",
        "env.envs[*].episode_times",
        "env.buf_infos[*]['episode']['t']",
    )
)


def trained(name, steps=64, **options):
    """A live algorithm after some updates."""
    kind, env, fixed = SUBJECTS[name]
    small = {"policy_kwargs": {"net_arch": [8]}}  # of its own: SB3 adds to the dict it is given
    with preserved_streams():
        model = kind("MlpPolicy", env, seed=0, **fixed, **options, **small)
        return model.learn(steps)


@pytest.fixture(scope="module", params=SUBJECTS)
def model(request):
    """One trained algorithm of each family."""
    return trained(request.param)


def test_two_captures_of_a_live_algorithm_are_equal(model):
    """Nothing of a trained algorithm is refused, and a second look sees the same bytes."""
    one, two = capture(model), capture(model)
    assert one.same_bytes(two)
    assert not compare(one, two)
    assert not one.excluded


def test_capture_disturbs_neither_streams_nor_training(model):
    """No global stream moves, and no space or gradient is created by looking."""
    streams, before = capture_streams(), capture(model)
    for _ in range(2):
        capture(model)
    assert capture_streams() == streams
    assert capture(model).same_bytes(before)


@pytest.mark.parametrize("name", SUBJECTS)
def test_equally_seeded_runs_are_equal_but_for_the_clock(name):
    """Two runs of one seed agree in every bit; what differs is the clock, and said to be."""
    one, two = capture(trained(name)), capture(trained(name))
    diff = compare(one, two, WALL_CLOCK)
    assert not diff, str(diff)
    assert "start_time" in {str(mismatch.keypath) for _, mismatch in diff.excluded}


@pytest.mark.parametrize("name", SUBJECTS)
def test_one_more_step_is_a_difference(name):
    """The comparison is not blind: weights, moments, buffers and environment all moved."""
    diff = compare(capture(trained(name)), capture(trained(name, steps=128)), WALL_CLOCK)
    roots = {mismatch.keypath.segments[0] for mismatch in diff.mismatches}
    buffer = "rollout_buffer" if name in ON_POLICY else "replay_buffer"
    network = "actor" if name in WITH_ACTOR else "policy"  # named by the shortest way to it
    assert roots >= {"num_timesteps", network, "env", "_last_obs", buffer}


def test_keypaths_read_as_python():
    """The KeyPaths of a live algorithm are those one would type."""
    paths = set(map(str, capture(trained("ppo"))))
    assert paths >= {
        "num_timesteps",
        "rollout_buffer.observations",
        "env.envs[0].env.env.env.env.state",
        "policy.action_net.weight.grad",
        "policy.mlp_extractor.policy_net.0.weight",
        "policy.optimizer.state['mlp_extractor.policy_net.0.weight'].exp_avg",
        "policy.optimizer.param_groups[0]['lr']",
        "action_space._np_random.bit_generator",
    }


def test_optimizer_state_is_keyed_by_name_in_every_network_of_sac():
    """Actor and critic each have an optimizer whose state names their own parameters."""
    paths = set(map(str, capture(trained("sac"))))
    assert "actor.optimizer.state['actor.mu.bias'].exp_avg_sq" in paths
    assert "critic.optimizer.state['critic.qf0.0.weight'].step" in paths


@pytest.mark.parametrize(
    ("spoil", "keypath", "kind"),
    [
        (lambda m: m.policy.optimizer.param_groups[0].update(lr=1.0), "lr", "VALUE"),
        (
            lambda m: m.policy.optimizer.param_groups[0].update(
                params=[p.detach() for p in m.policy.parameters()]
            ),
            "policy.optimizer.param_groups[0]['params'][0]",
            "ALIASING",
        ),
        (lambda m: setattr(m.env, "envs", copy.copy(m.env.envs)), None, None),
        (lambda m: m.rollout_buffer.__dict__.update(pos=0), "rollout_buffer.pos", "VALUE"),
        (lambda m: m.__dict__.update(_last_obs=m._last_obs.copy()), None, None),
        (
            lambda m: m.policy.__dict__.update(observation_space=copy.copy(m.observation_space)),
            "policy.observation_space",
            "ALIASING",
        ),
    ],
)
def test_planted_loss_is_named(spoil, keypath, kind):
    """One thing spoiled is reported at its KeyPath; a faithful copy of a list is no loss."""
    model = trained("ppo")
    before = capture(model)
    spoil(model)
    found = [(str(m.keypath), m.kind) for m in compare(before, capture(model)).mismatches]
    if keypath is None:
        assert found == []
    else:
        assert any(keypath in path and kind == which for path, which in found)


def test_file_of_a_table_is_no_state(tmp_path):
    """A table that is open for writing is no obstacle, and its position no state."""
    table = configure(str(tmp_path), ["csv"]).output_formats[0]
    before = capture(table)
    table.file.write("a line\n")
    assert capture(table) == before
    table.keys.append("loss")
    assert capture(table) != before
    table.close()


class Holder:
    """Holds a logger by whatever name."""

    def __init__(self, log):
        self.where_it_goes = [log]


class Log:
    """A logger of somebody's own, which SB3 does not know."""

    def __init__(self):
        self.lines = 0


def test_a_logger_of_sb3_is_no_state_whoever_holds_it(tmp_path):
    """One is as good as another, and as none: a run makes it anew. An own class is state."""
    made = configure(str(tmp_path), ["log"])
    held, another = Holder(made), Holder(configure(str(tmp_path), ["stdout"]))
    made.record("loss", 1.0)
    assert not compare(capture(held), capture(another))
    assert not compare(capture(held), capture(Holder(None)))
    assert not compare(capture(Holder(None)), capture(held))
    del another.where_it_goes[0]
    assert not compare(capture(held), capture(another))
    assert compare(capture(held), capture(Holder(3)))
    own = Holder(Log())
    before = capture(own)
    own.where_it_goes[0].lines += 1
    assert compare(before, capture(own))
    assert compare(before, capture(Holder(None)))
    made.close()


def test_tensorboard_writer_is_no_state(tmp_path):
    """An event file, with its thread and queue, is where a run writes: nothing to restore."""
    model = trained("ppo", tensorboard_log=str(tmp_path))
    before = capture(model)
    writer = model.logger.output_formats[-1].writer
    assert capture(writer)
    writer.add_scalar("x", 1.0)
    assert capture(model) == before
    model.logger.close()


def test_sb3_round_trip_is_compared():
    """Stock SB3 forgets the environment's streams and last observation, and that is seen."""
    model = trained("ppo")
    file = io.BytesIO()
    model.save(file)
    file.seek(0)
    with preserved_streams():
        loaded = sb3.PPO.load(file, env=model.env)
    diff = compare(capture(model), capture(loaded))
    paths = {str(mismatch.keypath) for mismatch in diff.mismatches}
    assert "_last_obs" in paths
    assert "policy.log_std" not in paths
    assert KeyPath("policy", "optimizer") in capture(loaded)


SCRIPT = """
import random, sys
import numpy as np, torch
from resumeproof.state.capture import capture
net = torch.nn.Sequential(torch.nn.Linear(3, 2))
torch.nn.init.ones_(net[0].weight); torch.nn.init.zeros_(net[0].bias)
adam = torch.optim.Adam(net.parameters())
net(torch.ones(1, 3)).sum().backward(); adam.step()
root = {"net": net, "adam": adam, "set": {"b", "a", "c"}, "frozen": frozenset({3, "x", None}),
        "classes": {int, str, float}, "rng": np.random.default_rng(0),
        "local": lambda x: x in {"q", "r"}}
sys.stdout.write(capture(root).digest)
"""


def test_digest_does_not_depend_on_the_process():
    """No address, no hash and no order of a set enters: another hash seed, the same digest."""
    digests = {
        subprocess.run(
            [sys.executable, "-c", SCRIPT],
            env={"PYTHONHASHSEED": str(seed), "PYTHONPATH": ".", "PATH": ""},
            check=True,
            capture_output=True,
            timeout=120,
        ).stdout
        for seed in (1, 2)
    }
    assert len(digests) == 1
    assert digests != {b""}


def test_large_arrays_are_copied_once_and_owned():
    """Bytes beyond the small size are owned by the snapshot, not lent by the live object."""
    array, tensor = np.zeros(1 << 16), torch.zeros(1 << 16)
    snapshot = capture({"array": array, "tensor": tensor})
    array[:] = 1
    tensor[:] = 1
    assert set(snapshot.arena) == {0}
