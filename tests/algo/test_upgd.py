"""UPGD and AdaptiveUPGD against a slow twin, Adam, and the laws of their steps."""

import copy
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
import torch
from resumeproof.algo.optim import _upgd_ahead, _upgd_flat
from resumeproof.algo.optim.upgd import UPGD, AdaptiveUPGD
from torch import Tensor

from tests.algo.optimizer_bits import get_bits, get_state_bits

CLASSES = pytest.mark.parametrize("kind", [UPGD, AdaptiveUPGD])

# Below and above 16 elements, scalar, not a multiple of 16, more than two blocks of the kernel.
SHAPES = [(7,), (), (5, 3), (16,), (33, 9), (2 * 131_072 + 5,), (181, 97), (1,)]


class Reference:
    """The formulas, one tensor and one operation at a time, on whole tensors."""

    def __init__(self, groups: Sequence[dict[str, Any]], *, adaptive: bool, seed: int) -> None:
        self.groups, self.adaptive = groups, adaptive
        self.generator = torch.Generator().manual_seed(seed)
        self.state: dict[Tensor, dict[str, Any]] = {}

    @torch.no_grad()
    def step(self) -> None:
        """One update; parameters without gradient take no part."""
        utilities = [self.accumulate(p, g) for g in self.groups for p in active(g)]
        peak = max(utilities, default=0.0)
        for group in self.groups:
            for p in active(group):
                self.descend(p, group, peak if peak > 0 else math.inf)

    def accumulate(self, p: Tensor, group: dict[str, Any]) -> float:
        """Bring one utility up to date; its corrected maximum."""
        names = ("avg_utility", "exp_avg", "exp_avg_sq")
        state = self.state.setdefault(p, {"step": 0, **{n: torch.zeros_like(p) for n in names}})
        state["step"] += 1
        beta = group["beta_utility"]
        state["avg_utility"].mul_(beta).addcmul_(p, p.grad, value=beta - 1)
        return state["avg_utility"].max().item() / (1 - beta ** state["step"])

    def descend(self, p: Tensor, group: dict[str, Any], peak: float) -> None:
        """Move one parameter."""
        state, lr = self.state[p], group["lr"]
        noise = torch.empty(p.shape, dtype=p.dtype).normal_(generator=self.generator)
        noise.mul_(lr * group["sigma"])
        correction = 1 - group["beta_utility"] ** state["step"]
        gate = torch.sigmoid(state["avg_utility"] / -(correction * peak))
        p.mul_(1 - lr * group["weight_decay"])
        if not self.adaptive:
            p.addcmul_(noise.add_(p.grad, alpha=lr), gate, value=-1.0)
            return
        beta1, beta2 = group["betas"]
        state["exp_avg"].lerp_(p.grad, 1 - beta1)
        state["exp_avg_sq"].mul_(beta2).addcmul_(p.grad, p.grad, value=1 - beta2)
        root = state["exp_avg_sq"].sqrt() / (1 - beta2 ** state["step"]) ** 0.5
        scale = lr / (1 - beta1 ** state["step"])
        p.addcmul_(
            noise.addcdiv_(state["exp_avg"], root + group["eps"], value=scale), gate, value=-2.0
        )


def active(group: dict[str, Any]) -> list[Tensor]:
    """The parameters of a group that have a gradient."""
    return [p for p in group["params"] if p.grad is not None]


def make_params(shapes: Sequence[tuple[int, ...]] = SHAPES) -> list[torch.nn.Parameter]:
    """Parameters with the same values at every call; the last but one not contiguous."""
    generator = torch.Generator().manual_seed(1)
    values = [torch.randn(shape, generator=generator) for shape in shapes]
    return [torch.nn.Parameter(v.t() if v.shape == (181, 97) else v) for v in values]


def make_groups(params: Sequence[Tensor], *, adaptive: bool) -> list[dict[str, Any]]:
    """Two groups that differ in every hyper-parameter."""
    first = {"lr": 1e-2, "weight_decay": 1e-2, "beta_utility": 0.9, "sigma": 0.1}
    second = {"lr": 3e-3, "weight_decay": 0.0, "beta_utility": 0.99, "sigma": 1e-3}
    if adaptive:
        first |= {"betas": (0.8, 0.9), "eps": 1e-4}
        second |= {"betas": (0.9, 0.999), "eps": 1e-8}
    return [{"params": list(params[::2]), **first}, {"params": list(params[1::2]), **second}]


def set_grads(params: Sequence[Tensor], seed: int, absent: Sequence[int] = ()) -> None:
    """Gradients that depend on the seed only; None at the absent indices."""
    generator = torch.Generator().manual_seed(seed)
    for index, p in enumerate(params):
        grad = torch.randn(p.shape, generator=generator).to(p.dtype)
        p.grad = None if index in absent else grad


def run(optimizer: Any, params: Sequence[Tensor], steps: range) -> None:
    """Step on the gradients of these seeds."""
    for seed in steps:
        set_grads(params, seed)
        optimizer.step()


@CLASSES
def test_upgd_equals_the_slow_reference_bit_for_bit(kind: type) -> None:
    """Fifty steps, two groups, gradients that come and go: every bit is the twin's."""
    ours, twins = make_params(), make_params()
    adaptive = kind is AdaptiveUPGD
    optimizer = kind(make_groups(ours, adaptive=adaptive), seed=5)
    reference = Reference(make_groups(twins, adaptive=adaptive), adaptive=adaptive, seed=5)
    for step in range(50):
        absent = [i for i in range(len(SHAPES)) if (step * 7 + i * 3) % 5 == 0]
        set_grads(ours, step, absent)
        set_grads(twins, step, absent)
        optimizer.step()
        reference.step()
        assert get_bits(ours) == get_bits(twins), step
    for ours_p, twin in zip(ours, twins, strict=True):
        for name, value in optimizer.state[ours_p].items():
            expected = reference.state[twin][name]
            assert value == expected if name == "step" else torch.equal(value, expected)
    stream = optimizer.state_dict()["generator"]["cpu"]
    assert torch.equal(stream, reference.generator.get_state())


@CLASSES
@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_upgd_follows_the_reference_in_other_types(kind: type, dtype: torch.dtype) -> None:
    """Double and half precision, beside a single-precision tensor, take the twin's steps."""
    ours = [torch.nn.Parameter(torch.ones(40, dtype=d)) for d in (dtype, torch.float32)]
    twins = copy.deepcopy(ours)
    hyper: dict[str, Any] = {"lr": 1e-2, "weight_decay": 1e-2, "beta_utility": 0.9, "sigma": 0.1}
    hyper |= {"betas": (0.9, 0.99), "eps": 1e-3} if kind is AdaptiveUPGD else {}
    optimizer = kind(ours, **hyper, seed=5)
    groups = [{"params": twins, **hyper}]
    reference = Reference(groups, adaptive=kind is AdaptiveUPGD, seed=5)
    for step in range(5):
        for params in (ours, twins):
            set_grads(params, step)
        optimizer.step()
        reference.step()
    assert all(map(torch.equal, ours, twins))


def test_adaptive_upgd_of_neutral_utility_takes_exactly_the_step_of_adam() -> None:
    """Without noise and decay, a parameter whose gate is 1/2 has the bits that Adam gives it."""
    ours, theirs = make_params(), make_params()
    optimizer = AdaptiveUPGD(ours, lr=1e-2, eps=1e-8, beta_utility=0.0, weight_decay=0.0, sigma=0.0)
    adam = torch.optim.Adam(theirs, lr=1e-2, eps=1e-8, foreach=True)
    for seed in range(10):
        for params in (ours, theirs):
            set_grads(params, seed)
            for p in params:
                p.grad = p.grad.abs() * p.detach().sign()  # u = -g p <= 0: no positive maximum
        optimizer.step()
        adam.step()
        assert get_bits(ours) == get_bits(theirs), seed


def test_adaptive_upgd_spares_the_useful_and_moves_the_harmful() -> None:
    """Beside a useful parameter, one of utility 0 takes Adam's step, a useful one a shorter one."""
    ours = [torch.nn.Parameter(torch.tensor([0.0, 1.0, -1.0]))]
    theirs = copy.deepcopy(ours)
    ours[0].grad = theirs[0].grad = torch.full((3,), -0.1)
    AdaptiveUPGD(ours, lr=1e-2, eps=1e-8, weight_decay=0.0, sigma=0.0).step()
    torch.optim.Adam(theirs, lr=1e-2).step()
    start = torch.tensor([0.0, 1.0, -1.0])
    neutral, useful, harmful = ((ours[0] - start) / (theirs[0] - start)).tolist()
    assert torch.equal(ours[0][:1], theirs[0][:1])
    assert neutral == 1
    assert useful == pytest.approx(2 * (1 - 1 / (1 + math.exp(-1))), rel=1e-4)
    assert harmful == pytest.approx(2 * (1 - 1 / (1 + math.exp(1))), rel=1e-4)


def harm(p: Tensor) -> Tensor:
    """The gradient that makes every utility negative."""
    return p.detach().clone()


@CLASSES
@pytest.mark.parametrize(
    ("start", "grad"),
    [
        pytest.param(torch.zeros, torch.ones_like, id="zero-parameters"),
        pytest.param(torch.ones, torch.zeros_like, id="zero-gradients"),
        pytest.param(torch.zeros, torch.zeros_like, id="zero-both"),
        pytest.param(torch.ones, harm, id="all-negative-utilities"),
        pytest.param(lambda n: torch.full((n,), 1e-22), harm, id="underflow-negative"),
        pytest.param(
            lambda n: torch.full((n,), 1e-22), lambda p: -harm(p), id="underflow-positive"
        ),
    ],
)
def test_upgd_stays_finite(
    kind: type, start: Callable[[int], Tensor], grad: Callable[[Tensor], Tensor]
) -> None:
    """Whatever the utilities, also where their maximum is not positive, no step divides by zero."""
    params = [torch.nn.Parameter(start(n)) for n in (3, 20)]
    optimizer = kind(params, lr=0.1)
    for step in range(3):
        for p in params[: step + 1]:
            p.grad = grad(p)
        optimizer.step()
    assert all(torch.isfinite(p).all() for p in params)
    assert all(torch.isfinite(s["avg_utility"]).all() for s in optimizer.state.values())


@CLASSES
def test_upgd_stays_finite_where_the_scale_of_the_utilities_underflows(kind: type) -> None:
    """A parameter at its first step, beside an old one of the least utility, divides by no zero."""
    old, new = torch.nn.Parameter(torch.zeros(3)), torch.nn.Parameter(torch.zeros(3))
    optimizer = kind([old, new], sigma=0.0)
    for step in range(2):
        old.grad = torch.ones(3)
        new.grad = torch.ones(3) if step else None
        if step:
            optimizer.state[old]["step"] = 10_000
            optimizer.state[old]["avg_utility"].fill_(1e-45)
        optimizer.step()
    assert optimizer.state[old]["avg_utility"].max() > 0
    assert torch.isfinite(new).all()


@CLASSES
def test_step_without_any_gradient_changes_nothing(kind: type) -> None:
    """Parameters, state and streams are as before, at the first step and at a later one."""
    params = make_params()
    optimizer = kind(params, seed=3)
    for _ in range(2):
        before, state = get_bits(params), get_state_bits(optimizer)
        for p in params:
            p.grad = None
        optimizer.step()
        assert (get_bits(params), get_state_bits(optimizer)) == (before, state)
        run(optimizer, params, range(2))


@CLASSES
def test_parameter_without_gradient_keeps_its_own_step_count(kind: type) -> None:
    """Only the steps that a parameter took part in are counted, and bias-corrected, for it."""
    params = make_params([(3,), (4,)])
    optimizer = kind(params)
    for absent in ([], [1], [1], []):
        set_grads(params, 0, absent)
        optimizer.step()
    assert [optimizer.state[p]["step"] for p in params] == [4, 2]


@CLASSES
def test_empty_parameter_is_left_alone(kind: type) -> None:
    """A parameter of no elements has no maximum and takes no part."""
    params = [torch.nn.Parameter(torch.zeros(0)), torch.nn.Parameter(torch.ones(2))]
    optimizer = kind(params)
    run(optimizer, params, range(2))
    assert torch.isfinite(params[1]).all()


@CLASSES
def test_utility_that_overflows_changes_no_other_step(kind: Any) -> None:
    """The maximum is the greatest finite utility, as if the infinite one were not there."""
    results = []
    for extra in ([], [torch.nn.Parameter(torch.full((3,), -1e30))]):
        p = torch.nn.Parameter(torch.linspace(-1, 1, 7))
        p.grad = torch.linspace(2, -1, 7)
        for other in extra:
            other.grad = torch.full((3,), 1e30)
        kind([p, *extra], lr=1e-2, sigma=0.0, seed=0).step()
        results.append(p.detach())
    assert torch.equal(*results)


SMALL = [(7,), (), (5, 3), (16,), (33, 9), (1,), (181, 97)]


@CLASSES
@pytest.mark.parametrize("early_gate", [False, True])
def test_many_small_tensors_take_one_step_together(
    kind: type, early_gate: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Side by side or tensor by tensor: the same to rounding, and the same draws."""
    runs = []
    for is_flat in (True, False):
        if not is_flat:
            monkeypatch.setattr(_upgd_flat, "fits", lambda *_: False)
        params = make_params(SMALL)
        optimizer = kind(params, lr=1e-2, sigma=0.1, seed=5, early_gate=early_gate)
        assert _upgd_flat.fits([(p, p) for p in params], [1] * len(params)) is is_flat
        run(optimizer, params, range(30))
        runs.append((params, [optimizer.state[p] for p in params], optimizer.state_dict()))
    (flat, flat_states, one), (apart, apart_states, other) = runs
    torch.testing.assert_close(flat, apart, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(flat_states, apart_states, rtol=1e-4, atol=1e-6)
    assert torch.equal(one["generator"]["cpu"], other["generator"]["cpu"])


@CLASSES
def test_early_gate_compares_with_the_greatest_uncorrected_utility(kind: type) -> None:
    """As the authors' code: at the first step what is useful stays, and only what is not moves."""
    params = make_params([(4,)] * 5)
    before = [p.detach().clone() for p in params]
    set_grads(params, 2)
    optimizer = kind(params, lr=1e-2, sigma=0.0, weight_decay=0.0, early_gate=True)
    optimizer.step()
    useful = torch.cat([-p.grad * old for p, old in zip(params, before, strict=True)])
    moved = torch.cat([p.detach() - old for p, old in zip(params, before, strict=True)])
    sure = useful.abs() > 0.05 * useful.max()
    assert torch.equal(moved[sure] == 0, useful[sure] > 0)
    assert 0 < int((useful[sure] > 0).sum()) < int(sure.sum())


def step_twice(optimizer: Any, params: Sequence[Tensor], between: Callable[[], None]) -> None:
    """Two steps, and what a program does in between."""
    run(optimizer, params, range(1))
    between()
    run(optimizer, params, range(1, 2))


def ahead_and_not(kind: type, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Any, Any, bool]]:
    """An optimizer with its parameters that draws ahead, and then the same that does not."""
    for least in (1, 10**12):
        monkeypatch.setattr(_upgd_ahead, "LEAST", least)
        params = make_params()
        yield kind(params, lr=1e-2, sigma=0.1, seed=5), params, least == 1


@CLASSES
def test_noise_that_is_drawn_ahead_is_the_noise_of_the_step(
    kind: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parameters and stream are the same to the bit, and in between the stream has not moved."""
    found = []
    for optimizer, params, ahead in ahead_and_not(kind, monkeypatch):
        streams: list[Any] = []
        step_twice(
            optimizer, params, lambda o=optimizer, s=streams: s.append(get_state_bits(o)[-1])
        )
        assert (optimizer in _upgd_ahead._UNDER_WAY) is ahead
        found.append((get_bits(params), streams, get_state_bits(optimizer)))
    assert found[0] == found[1]


@CLASSES
def test_noise_drawn_for_another_step_is_thrown_away(
    kind: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stream that was put back, another size of step, a gradient that is missing: all as ever."""
    found = []
    for optimizer, params, _ in ahead_and_not(kind, monkeypatch):
        start = copy.deepcopy(optimizer.state_dict())

        def change(o: Any = optimizer) -> None:
            o.param_groups[0]["lr"] = 3e-2

        step_twice(optimizer, params, change)
        set_grads(params, 7, absent=[2, 5])
        optimizer.step()
        set_grads(params, 8)
        optimizer.load_own_state({"generator": start["generator"]})
        optimizer.step()
        found.append((get_bits(params), get_state_bits(optimizer)))
    assert found[0] == found[1]
