"""The global streams: saved, restored, seeded, poisoned."""

import random

import numpy as np
import pytest
import torch
from resumeproof.core.randomness import Streams, poison, preserved_streams, seed_all
from resumeproof.state.capture import capture_streams


@pytest.fixture(autouse=True)
def streams_as_found():
    """Leave the global streams as they were for the other tests."""
    with preserved_streams():
        yield


def draw():
    """One number of each global stream, the cached normals included."""
    return (
        random.random(),
        random.gauss(0.0, 1.0),
        np.random.random_sample(),
        np.random.standard_normal(),
        torch.rand(()).item(),
    )


def test_restored_streams_draw_the_same_numbers():
    """After a restore every stream repeats itself, spare normal numbers included."""
    draw()
    streams = Streams.save()
    first = draw()
    streams.restore()
    assert draw() == first


def test_saving_streams_moves_none():
    """Looking at the streams is not drawing from them."""
    before = capture_streams()
    Streams.save()
    assert capture_streams() == before


def test_seed_all_fixes_every_stream():
    """Two equal seeds give equal streams, whatever was drawn between."""
    seed_all(3)
    first = capture_streams()
    draw()
    assert capture_streams() != first
    seed_all(3)
    assert capture_streams() == first


@pytest.mark.parametrize("seed", [0, 1, 2**32 - 1])
def test_poison_moves_every_stream_elsewhere(seed):
    """A poisoned stream is where neither the seed nor a fresh start has it."""
    seed_all(seed)
    fresh = capture_streams()
    poison(seed)
    moved = {path.segments[1] for path in _payload_paths(fresh, capture_streams())}
    assert moved == {"python", "numpy", "torch"}


def _payload_paths(one, other):
    return [path for path in one if one[path].payload != other[path].payload]


STREAMS = {
    "python": lambda count: [random.random() for _ in range(count)],
    "numpy": lambda count: np.random.random_sample(count).tolist(),
    "torch": lambda count: torch.rand(count).tolist(),
}


@pytest.mark.parametrize("name", STREAMS)
def test_poison_is_on_no_path_of_a_run_of_the_seed(name):
    """A run that draws on and on never comes to where its poisoned stream goes from."""
    seed_all(7)
    run = STREAMS[name](5000)
    seed_all(7)
    poison(7)
    after = STREAMS[name](4)
    assert after not in [run[place : place + 4] for place in range(len(run))]


@pytest.mark.parametrize("draws", [0, 1, 700])
def test_poison_is_the_same_wherever_the_streams_stood(draws):
    """One seed has one poison, so that a scenario replays."""
    seed_all(3)
    poison(5)
    first = capture_streams()
    for _ in range(draws):
        draw()
    poison(5)
    assert capture_streams() == first


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_seed_out_of_range_is_refused(seed):
    """A seed that numpy's legacy stream cannot take is refused before any stream moves."""
    before = capture_streams()
    with pytest.raises(ValueError, match=f"got seed={seed}"):
        seed_all(seed)
    assert capture_streams() == before


def _fail():
    draw()
    raise RuntimeError("planted")


def test_preserved_streams_are_restored_after_an_error():
    """However the block ends, the streams are where they were."""
    before = capture_streams()
    with pytest.raises(RuntimeError, match="planted"), preserved_streams():
        _fail()
    assert capture_streams() == before
