"""Objects in an environment: what Python keeps of them comes back, and what it hides is named."""

from __future__ import annotations

import enum
import functools
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
from dataclasses import dataclass, field
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces
from resumeproof.algo import MismatchedCheckpoint
from resumeproof.algo.checkpoint import decode, encode
from resumeproof.algo.run_state.environment import (
    UnsavableEnvironment,
    prepare_environment,
    save_environment,
)
from stable_baselines3.common.vec_env import DummyVecEnv

Point = namedtuple("Point", "x y")


class Colour(enum.Enum):
    """A member is a name."""

    RED = "red"
    BLUE = "blue"


class Rock:
    """Looks like nothing else: it is made when the game begins, and only then."""

    def __init__(self, weight: int) -> None:
        self.weight = weight


class Slotted:
    """Keeps its state in slots, one of them private."""

    __slots__ = ("__secret", "place")

    def __init__(self) -> None:
        self.place, self.__secret = 1, 2

    def read(self) -> tuple[int, int]:
        """Both."""
        return self.place, self.__secret


class ResultsWriter:
    """Named as the object that writes SB3's logs, and yet a part of the game."""

    def __init__(self) -> None:
        self.written = [1]


ResultsWriter.__module__ = "pygame.surface"


class Words(dict):  # type: ignore[type-arg]
    """A dict of its own."""


class Size(float):
    """A number of its own."""


def heavier(one: int, other: int) -> int:
    """A rule of the game."""
    return max(one, other)


@dataclass
class World:
    """One of each."""

    rocks: list[Rock] = field(default_factory=list)
    by_name: dict[str, Rock] = field(default_factory=dict)
    colour: Colour = Colour.RED
    point: Point = field(default_factory=lambda: Point(1, 2))
    counted: Any = field(default_factory=lambda: Counter("abca"))
    words: Any = field(default_factory=Words)
    size: Any = field(default_factory=lambda: Size(1.0))
    recent: Any = field(default_factory=lambda: deque(maxlen=3))
    lists: Any = field(default_factory=lambda: defaultdict(list))
    slotted: Slotted = field(default_factory=Slotted)
    writer: ResultsWriter = field(default_factory=ResultsWriter)
    parent: Any = None
    kinds: Any = field(default_factory=lambda: OrderedDict(rock=Rock))
    rng: Any = field(default_factory=lambda: np.random.default_rng(1))
    draw: Any = None
    rule: Any = None


class Game(gym.Env[Any, Any]):
    """An environment whose state is all in objects."""

    def __init__(self) -> None:
        self.observation_space = spaces.Box(-1, 1, (1,))
        self.action_space = spaces.Discrete(2)
        self.world = World()

    def play(self) -> None:
        """What a game does to its objects."""
        world, rock = self.world, Rock(7)
        world.rocks = [rock, Rock(8)]
        world.by_name["first"] = rock
        world.colour, world.point, world.size = Colour.BLUE, Point(3, [rock]), Size(2.5)
        world.counted["z"] += 2
        world.words["word"], world.words.language = rock, "en"
        world.recent.extend([rock, 1, 2, 3])
        world.lists["a"].append(rock)
        world.slotted.place = 9
        world.writer.written.append(2)
        world.parent = world
        world.rule = functools.partial(heavier, 3)
        world.draw = world.rng.integers
        world.rng.random(5)


def moved(played: Game) -> Any:
    """A new game that took what the other one had, by way of a file's content."""
    env = DummyVecEnv([lambda: played])
    tree, blocks = encode(save_environment(env))
    other = DummyVecEnv([Game])
    prepare_environment(other, decode(tree, blocks))()
    return other.envs[0]


def test_objects_of_a_game_come_back_with_what_they_share() -> None:
    """Classes, containers of their own, enums, slots, cycles, methods, and one object once."""
    played = Game()
    played.play()
    world: Any = moved(played).world
    first = world.rocks[0]
    assert [type(rock) for rock in world.rocks] == [Rock, Rock]
    assert (first.weight, world.by_name["first"], world.words["word"]) == (7, first, first)
    assert (world.colour, type(world.point), world.point.y) == (Colour.BLUE, Point, [first])
    assert (type(world.counted), world.counted["z"], world.words.language) == (Counter, 2, "en")
    assert (type(world.size), world.size, list(world.recent)) == (Size, 2.5, [1, 2, 3])
    assert (world.recent.maxlen, world.lists["a"], world.lists["new"]) == (3, [first], [])
    assert world.slotted.read() == (9, 2)
    assert (world.writer.written, world.kinds, world.rule(1)) == ([1, 2], {"rock": Rock}, 3)
    assert world.parent is world
    assert world.draw(1000) == played.world.draw(1000) != np.random.default_rng(1).integers(1000)
    assert world.draw.__self__ is world.rng


def test_method_of_an_object_stays_bound_to_the_one_that_comes_back() -> None:
    """What the environment that is passed holds is filled, so that others' links stay right."""
    played, other = Game(), DummyVecEnv([Game])
    played.play()
    before = other.envs[0].world.slotted
    tree, blocks = encode(save_environment(DummyVecEnv([lambda: played])))
    prepare_environment(other, decode(tree, blocks))()
    assert other.envs[0].world.slotted is before
    assert before.read() == (9, 2)


@pytest.mark.parametrize(
    ("part", "named"),
    [
        (iter([1]), "list_iterator"),
        ({Rock(1)}, "a set of objects"),
        ((n for n in (1, 2)), "generator"),
    ],
)
def test_what_python_does_not_show_is_named(part: Any, named: str) -> None:
    """With its place inside the object, before anything is written."""
    played = Game()
    played.world.rule = part
    message = rf"envs\[0\]\.world cannot be saved \(.*rule is .*{named}"
    with pytest.raises(UnsavableEnvironment, match=message):
        save_environment(DummyVecEnv([lambda: played]))


def test_class_that_the_environment_does_not_reach_is_an_error() -> None:
    """No name of a file is ever imported; nothing has been touched."""

    class Stranger:
        pass

    played, other = Game(), DummyVecEnv([Game])
    played.world.rule = Stranger()
    tree, blocks = encode(save_environment(DummyVecEnv([lambda: played])))
    with pytest.raises(MismatchedCheckpoint, match=r"reach .*Stranger.*checkpoint_classes"):
        prepare_environment(other, decode(tree, blocks))
    assert other.envs[0].world.rocks == []


def test_class_that_the_environment_lists_is_reached() -> None:
    """`checkpoint_classes` on the environment's class."""

    class Stranger:
        weight = 1

    class Listing(Game):
        checkpoint_classes = (Stranger,)

    played, other = Listing(), DummyVecEnv([Listing])
    played.world.rule = Stranger()
    tree, blocks = encode(save_environment(DummyVecEnv([lambda: played])))
    prepare_environment(other, decode(tree, blocks))()
    assert type(other.envs[0].world.rule) is Stranger
