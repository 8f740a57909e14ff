"""Whether an environment can be resumed exactly: tried by running it, with the reasons."""

from __future__ import annotations

import argparse
import ast
import sys
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

import gymnasium as gym

from ..checkpoint import CheckpointError, decode, encode
from ..run_state.environment import prepare_environment, save_environment
from ..run_state.missing import collecting
from ..run_state.streams import prepare_streams, preserved_streams, save_streams

SAVES = 4
EXACT, LACKING, DIFFERS = "exact", "lacking", "differs"


@final
@dataclass(frozen=True, kw_only=True)
class Proof:
    """What was seen of one environment.

    Attributes:
        answer: "exact"; "lacking", where something cannot be read; "differs", where a resumed one
            went on otherwise though everything was read.
        steps: how many steps were compared, in all resumed copies together.
        episodes: how many of them ended an episode.
        reasons: what stands in the way, a line each.
    """

    answer: str
    steps: int = 0
    episodes: int = 0
    reasons: tuple[str, ...] = ()


def prove(make: Any, steps: int = 200, seed: int = 0) -> Proof:
    """Plays an environment, resumes new ones from where it was, and compares what they do.

    Args:
        make: returns the environment; called once for each copy.
        steps: how long to play.
        seed: of the environment and of the actions, which are random.
    """
    with preserved_streams():
        env = make()
        actions = _actions(env, steps, seed)
        env.reset(seed=seed)
        saves: dict[int, Any] = {}
        course = []
        for step, action in enumerate(actions):
            if step % max(1, steps // SAVES) == 0:
                with collecting() as missing:
                    saves[step] = encode([save_environment(env), save_streams()])
                if missing:
                    return Proof(answer=LACKING, reasons=tuple(missing))
            course.append(_played(env, action))
        return _compared(make, saves, course, actions)


def _actions(env: Any, steps: int, seed: int) -> list[Any]:
    env.action_space.seed(seed)
    return [env.action_space.sample() for _ in range(steps)]


def _played(env: Any, action: Any) -> Any:
    """What a step returned, and the first observation after the end of an episode, as bits."""
    observation, reward, *ends, _info = env.step(action)
    over = any(ends)
    tree, blocks = encode([observation, reward, ends, env.reset()[0] if over else None])
    return tree, [bytes(block.data) for block in blocks.values()], over


def _compared(make: Any, saves: dict[int, Any], course: list[Any], actions: list[Any]) -> Proof:
    compared = episodes = 0
    for start, (tree, blocks) in saves.items():
        env = make()
        state, streams = decode(tree, blocks)
        prepare_environment(env, state)()
        prepare_streams(streams)()
        for step in range(start, len(course)):
            if _played(env, actions[step]) != course[step]:
                text = (
                    f"everything was read at step {start}, and step {step} of the resumed one is "
                    "another: it keeps state where Python does not see it"
                )
                return Proof(answer=DIFFERS, steps=compared, reasons=(text,))
            compared += 1
            episodes += course[step][2]
    return Proof(answer=EXACT, steps=compared, episodes=episodes)


def command(arguments: Sequence[str]) -> int:
    """`resumeproof env ENV_ID`: 0 where it resumes exactly, 1 where not, 2 where there is none."""
    parser = argparse.ArgumentParser(
        prog="resumeproof env",
        description="Says whether an environment can be resumed exactly, and proves it by running.",
    )
    parser.add_argument("env_id", help="as gymnasium.make takes it: module:Name-v0")
    parser.add_argument("-s", action="append", default=[], metavar="KEY=VALUE", help="an option")
    parser.add_argument("--steps", type=int, default=200, help="how long to play (default: 200)")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args(arguments)
    options = {key: _value(text) for key, _, text in (word.partition("=") for word in asked.s)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what an environment says of itself is not the question
        try:
            proof = prove(lambda: gym.make(asked.env_id, **options), asked.steps, asked.seed)
        except (gym.error.Error, ModuleNotFoundError, CheckpointError) as error:
            sys.stderr.write(f"resumeproof env: {type(error).__name__}: {error}\n")
            return 2
    sys.stdout.write(told(asked.env_id, proof))
    return int(proof.answer != EXACT)


def _value(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (SyntaxError, ValueError):
        return text


def told(name: str, proof: Proof) -> str:
    """Returns the answer as text."""
    if proof.answer == EXACT:
        return (
            f"{name} resumes exactly: {proof.steps} steps from {SAVES} save points, of which "
            f"{proof.episodes} ended an episode, were equal bit for bit\n"
        )
    heads = {LACKING: "cannot be resumed exactly:", DIFFERS: "does not resume exactly:"}
    lines = "".join(f"- {reason}\n" for reason in proof.reasons)
    return (
        f"{name} {heads[proof.answer]}\n{lines}"
        "ways out: a wrapper with get_state() and set_state(state), or "
        'exclude=["environment"], with which a resumed run begins a new episode\n'
    )
