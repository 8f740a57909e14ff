"""The state of UPGD and AdaptiveUPGD: copies, streams, and what is refused."""

import copy
import io
import pickle
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from resumeproof.algo.optim.upgd import UPGD, AdaptiveUPGD
from torch import Tensor

from tests.algo.optimizer_bits import get_bits, get_state_bits

CLASSES = pytest.mark.parametrize("kind", [UPGD, AdaptiveUPGD])
SHAPES = [(7,), (), (5, 3), (16,), (131_072 + 5,)]


def make_params(shapes: Sequence[tuple[int, ...]] = SHAPES) -> list[torch.nn.Parameter]:
    """Parameters with the same values at every call."""
    generator = torch.Generator().manual_seed(1)
    return [torch.nn.Parameter(torch.randn(shape, generator=generator)) for shape in shapes]


def set_grads(params: Sequence[Tensor], seed: int) -> None:
    """Gradients that depend on the seed only."""
    generator = torch.Generator().manual_seed(seed)
    for p in params:
        p.grad = torch.randn(p.shape, generator=generator)


def run(optimizer: Any, params: Sequence[Tensor], steps: range) -> None:
    """Step on the gradients of these seeds."""
    for seed in steps:
        set_grads(params, seed)
        optimizer.step()


def through_deepcopy(optimizer: Any) -> Any:
    """Copied with its parameters."""
    return copy.deepcopy(optimizer)


def through_pickle(optimizer: Any) -> Any:
    """Pickled with its parameters."""
    return pickle.loads(pickle.dumps(optimizer))


def through_file(optimizer: Any) -> Any:
    """State dict written by torch.save into a fresh instance with another seed."""
    file = io.BytesIO()
    torch.save(optimizer.state_dict(), file)
    file.seek(0)
    params = [copy.deepcopy(p) for g in optimizer.param_groups for p in g["params"]]
    other = type(optimizer)(params, lr=0.5, seed=99)
    other.load_state_dict(torch.load(file, weights_only=True))
    return other


def through_own_state(optimizer: Any) -> Any:
    """States and groups bound by the caller, the rest given to `load_own_state`."""
    params = [copy.deepcopy(p) for g in optimizer.param_groups for p in g["params"]]
    other = type(optimizer)(params, lr=0.5, seed=99)
    state = copy.deepcopy(optimizer.state_dict())
    other.param_groups[0].update(
        {k: v for k, v in state["param_groups"][0].items() if k != "params"}
    )
    other.state.update({p: state["state"][i] for i, p in enumerate(params)})
    other.load_own_state({"generator": state["generator"]})
    return other


@CLASSES
@pytest.mark.parametrize(
    "through", [through_deepcopy, through_pickle, through_file, through_own_state]
)
def test_copied_run_continues_bit_for_bit(kind: type, through: Callable[[Any], Any]) -> None:
    """After the copy both go on to the same bits, neither moving the other; also a second time."""
    params = make_params()
    original = kind(params, lr=1e-2, sigma=0.1, seed=3)
    for cycle in range(2):
        # An odd number of draws below 16 elements leaves a cached normal in the stream.
        run(original, params, range(cycle * 10, cycle * 10 + 3))
        before = get_state_bits(original)
        other = through(original)
        others = other.param_groups[0]["params"]
        assert get_state_bits(other) == before
        run(other, others, range(100, 104))
        assert get_state_bits(original) == before
        run(original, params, range(100, 104))
        assert get_bits(params) == get_bits(others)
        assert get_state_bits(original) == get_state_bits(other)


@CLASSES
def test_instances_never_share_a_stream(kind: type) -> None:
    """Without a seed each instance draws its own from the run's; the run's seed decides all."""

    def make_streams() -> list[bytes]:
        torch.manual_seed(7)
        optimizers = [kind(make_params([(2,)])) for _ in range(3)]
        return [o.state_dict()["generator"]["cpu"].numpy().tobytes() for o in optimizers]

    assert make_streams() == make_streams()
    assert len(set(make_streams())) == 3


@CLASSES
def test_step_neither_reads_nor_moves_the_default_stream(kind: type) -> None:
    """The noise is the optimizer's own: torch's stream stays, and its position does not matter."""
    results = []
    for seed in (1, 2):
        params = make_params()
        optimizer = kind(params, seed=3)
        torch.manual_seed(seed)
        before = torch.get_rng_state()
        run(optimizer, params, range(3))
        assert torch.equal(torch.get_rng_state(), before)
        results.append(get_bits(params))
    assert results[0] == results[1]


@CLASSES
def test_unknown_names_are_refused(kind: type) -> None:
    """An unknown keyword, group key or kind of seed is named; the default stream is not moved."""
    before = torch.get_rng_state()
    with pytest.raises(TypeError, match="momentum"):
        kind(make_params([(2,)]), momentum=0.9)
    with pytest.raises(ValueError, match=r"got \['weight_deacy'\]"):
        kind([{"params": make_params([(2,)]), "weight_deacy": 0.0}])
    with pytest.raises(ValueError, match=r"seed=0\.5"):
        kind(make_params([(2,)]), seed=0.5)
    assert torch.equal(torch.get_rng_state(), before)


@CLASSES
def test_sparse_gradient_is_refused(kind: type) -> None:
    """A sparse gradient is an error that names the class."""
    p = torch.nn.Parameter(torch.ones(3))
    p.grad = torch.ones(3).to_sparse()
    with pytest.raises(RuntimeError, match=f"{kind.__name__} expects dense gradients"):
        kind([p]).step()


@CLASSES
def test_closure_is_evaluated_with_gradients(kind: type) -> None:
    """The closure's loss is returned, and its backward works."""
    p = torch.nn.Parameter(torch.ones(3))

    def closure() -> Tensor:
        loss = (p**2).sum()
        loss.backward()
        return loss

    assert kind([p]).step(closure).item() == 3.0


def test_optimizers_declare_their_invariance() -> None:
    """Only the normalised direction is invariant to the scale of the gradient."""
    assert AdaptiveUPGD.invariant_to_gradient_scale is True
    assert UPGD.invariant_to_gradient_scale is False
