"""VGS against a slow twin, and the laws of its factor."""

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from resumeproof.algo.optim.upgd import UPGD, AdaptiveUPGD
from resumeproof.algo.optim.vgs import VarianceGradientScaler, compute_factor, compute_ratio
from stable_baselines3.common.sb2_compat.rmsprop_tf_like import RMSpropTFLike
from torch import Tensor
from torch.nn import Parameter

SHAPES = {"body.weight": (4, 3), "body.bias": (4,), "scale": (), "head": (2, 5)}


def make_scaler(
    kind: Callable[..., Any] = torch.optim.Adam, **options: Any
) -> tuple[dict[str, Parameter], Any, VarianceGradientScaler]:
    """Parameters, optimizer and scaler; no warm-up unless asked for."""
    generator = torch.Generator().manual_seed(1)
    named = {n: Parameter(torch.randn(shape, generator=generator)) for n, shape in SHAPES.items()}
    optimizer = kind(named.values(), lr=1e-2)
    return (
        named,
        optimizer,
        VarianceGradientScaler(named.items(), optimizer, **{"warmup_steps": 0, **options}),
    )


def observe(
    named: dict[str, Parameter], scaler: VarianceGradientScaler, grads: Sequence[Tensor | None]
) -> float:
    """One update on these gradients."""
    set_grads(named, grads)
    return scaler.observe()


def set_grads(named: dict[str, Parameter], grads: Sequence[Tensor | None]) -> None:
    """Gives every parameter a copy of its gradient."""
    for p, grad in zip(named.values(), grads, strict=True):
        p.grad = None if grad is None else grad.clone()


def draw_grads(seed: int, noise: float = 1.0, signal: float = 1.0) -> list[Tensor]:
    """A gradient of a constant part and, orthogonal to it, a part that changes with the seed."""
    generator = torch.Generator().manual_seed(seed)
    grads = []
    for shape in SHAPES.values():
        mask = (torch.arange(math.prod(shape)) % 2).reshape(shape).float()
        random = torch.randn(shape, generator=generator)
        grads.append(signal * (1 - mask) + noise * random * mask)
    return grads


def compute_reference_factors(
    updates: Sequence[Sequence[Tensor | None]],
    beta: float,
    slow: float,
    floor: float,
    ceiling: float,
) -> list[float]:
    """The formulas in numpy, one tensor at a time, from the whole history."""
    means = [np.zeros(shape) for shape in SHAPES.values()]
    squares, counts, factors = [0.0] * len(SHAPES), [0] * len(SHAPES), []
    usual = 0.0
    for number, grads in enumerate(updates, 1):
        noise = signal = total = 0.0
        for i, grad in enumerate(grads):
            if grad is not None:
                g = grad.double().numpy()
                means[i] = beta * means[i] + (1 - beta) * g
                squares[i] = beta * squares[i] + (1 - beta) * float((g**2).sum())
                counts[i] += 1
            if counts[i]:
                correction = 1 - beta ** counts[i]
                mean = float(((means[i] / correction) ** 2).sum())
                noise += max(squares[i] / correction - mean, 0)
                signal += mean
                total += squares[i] / correction
        ratio = noise / (signal + 2.2e-16 * total)
        usual = slow * usual + (1 - slow) * ratio
        relative = (1 + usual / (1 - slow**number)) / (1 + ratio)
        factors.append(min(max(relative, floor), ceiling))
    return factors


@pytest.mark.parametrize("beta", [0.0, 0.5, 0.99])
@pytest.mark.parametrize(("slow", "floor", "ceiling"), [(0.9, 0.1, 1.0), (0.5, 0.9, 3.0)])
def test_vgs_agrees_with_the_reference(
    beta: float, slow: float, floor: float, ceiling: float
) -> None:
    """Forty noisy updates, gradients that come and go: the factors are the twin's."""
    named, _, scaler = make_scaler(beta=beta, beta_reference=slow, floor=floor, ceiling=ceiling)
    updates: list[list[Tensor | None]] = []
    for step in range(40):
        grads: list[Tensor | None] = list(draw_grads(step, noise=1.0 + 3.0 * (step % 7 > 4)))
        absent = [i for i in range(len(grads)) if i != 1 and (step + 2 * i) % 3 == 0]
        updates.append([None if i in absent else g for i, g in enumerate(grads)])
    factors = [observe(named, scaler, grads) for grads in updates]
    expected = compute_reference_factors(updates, beta, slow, floor, ceiling)
    assert max(abs(a - b) for a, b in zip(factors, expected, strict=True)) < 1e-6
    assert beta == 0 or min(factors) < 0.95


@pytest.mark.parametrize("ceiling", [1.0, 5.0])
def test_constant_gradient_gives_factor_exactly_one(ceiling: float) -> None:
    """Constant in time, however uneven in space, and also of a tensor that comes late: 1.0."""
    named, _, scaler = make_scaler(ceiling=ceiling)
    grads = [g * torch.logspace(-9, 9, g.numel()).reshape(g.shape) for g in draw_grads(3)]
    for step in range(300):
        present = [None if i == 2 and step < 50 else g for i, g in enumerate(grads)]
        assert observe(named, scaler, present) == 1.0


@pytest.mark.parametrize("c", [1e-12, 1e-3, 7.0, 1e12])
def test_factor_does_not_depend_on_the_scale_of_the_gradient(c: float) -> None:
    """Gradients g and c g give the same factors."""
    factors = []
    for scale in (1.0, c):
        named, _, scaler = make_scaler()
        factors.append(
            [observe(named, scaler, [g * scale for g in draw_grads(s)]) for s in range(20)]
        )
    assert max(abs(a - b) for a, b in zip(*factors, strict=True)) < 1e-6
    assert factors[0][-1] < 0.99


def test_more_noise_never_raises_the_factor() -> None:
    """After the same past, the factor falls, or stays, as the noise of an update grows."""
    rows = []
    for noise in (1.0, 2.0, 5.0, 30.0):
        named, _, scaler = make_scaler(floor=1e-6, ceiling=1e6)
        for step in range(20):
            observe(named, scaler, draw_grads(step))
        rows.append(observe(named, scaler, draw_grads(20, noise)))
    assert rows == sorted(rows, reverse=True)
    assert rows[0] > 2 * rows[-1]
    for weight, before in itertools.product((0.0, 1e-3, 0.5), (0.0, 1.0, 200.0)):
        factors = [
            compute_factor(r, before + weight * (r - before), floor=1e-9, ceiling=1e9)
            for r in (0.0, 0.1, 1.0, 10.0, 1e4)
        ]
        assert factors == sorted(factors, reverse=True)


def test_noise_that_is_usual_gives_a_factor_near_one() -> None:
    """However strong it is: a learning rate was tuned at it."""
    for noise in (0.3, 3.0, 30.0):
        named, _, scaler = make_scaler(warmup_steps=500, ceiling=2.0)
        factors = [observe(named, scaler, draw_grads(s, noise)) for s in range(900)]
        assert factors[:500] == [1.0] * 500
        assert 0.7 < sum(factors[500:]) / 400 < 1.4


def test_tensor_that_never_had_a_gradient_does_not_count() -> None:
    """Its presence among the tracked changes no factor."""
    named, optimizer, scaler = make_scaler()
    some = {name: p for name, p in named.items() if name != "head"}
    fewer = VarianceGradientScaler(some.items(), optimizer, warmup_steps=0)
    for step in range(10):
        grads = [*draw_grads(step)[:-1], None]
        assert observe(named, scaler, grads) == observe(some, fewer, grads[:-1])
    assert scaler.factor < 1


def test_update_without_any_gradient_changes_nothing() -> None:
    """The last factor is returned and the state stays."""
    named, _, scaler = make_scaler()
    for step in range(5):
        factor = observe(named, scaler, draw_grads(step))
    before = get_state_leaves(scaler)
    assert observe(named, scaler, [None] * len(named)) == factor
    assert get_state_leaves(scaler) == before


def test_zero_gradients_give_factor_one() -> None:
    """Neither signal nor noise: nothing divides by zero."""
    named, _, scaler = make_scaler()
    zeros = [torch.zeros(shape) for shape in SHAPES.values()]
    assert [observe(named, scaler, zeros) for _ in range(3)] == [1.0] * 3


def test_factor_is_one_during_the_warm_up() -> None:
    """Updates 1 to `warmup_steps` are observed, but their noise is not yet the usual one."""
    named, _, scaler = make_scaler(warmup_steps=5)
    factors = [observe(named, scaler, draw_grads(step)) for step in range(5)]
    state = scaler.state_dict()
    assert (factors, state["n_updates"], state["n_references"]) == ([1.0] * 5, 5, 0)
    assert observe(named, scaler, draw_grads(5)) == 1.0  # the first is its own reference
    assert observe(named, scaler, draw_grads(6)) < 1


def test_factor_stays_between_floor_and_ceiling() -> None:
    """However strong or weak the noise is against the usual one."""
    assert compute_ratio([1e9, 1.0], [1e9, 0.25]) == pytest.approx(0.75 / 1e9)
    assert compute_ratio([1.0], [2.0]) == compute_ratio([], []) == compute_ratio([0.0], [0.0]) == 0
    assert compute_factor(1e9, 1.0, floor=0.25, ceiling=1.0) == 0.25
    assert compute_factor(3.0, 1.0, floor=0.25, ceiling=1.0) == 0.5
    assert compute_factor(0.0, 9.0, floor=0.25, ceiling=1.0) == 1.0
    assert compute_factor(0.0, 9.0, floor=0.25, ceiling=4.0) == 4.0


def test_not_finite_gradient_is_refused_and_nothing_changed() -> None:
    """The error names the tensors; state and gradients stay."""
    named, _, scaler = make_scaler(torch.optim.SGD)
    observe(named, scaler, draw_grads(0))
    before = get_state_leaves(scaler)
    grads = draw_grads(1)
    grads[1][0], grads[3][0, 0] = math.nan, math.inf
    with pytest.raises(ValueError, match=r"finite gradients.*\['body.bias', 'head'\]"):
        observe(named, scaler, grads)
    assert get_state_leaves(scaler) == before


def get_state_leaves(scaler: VarianceGradientScaler) -> list[Any]:
    """Every number of the state, exactly."""
    state = scaler.state_dict()
    leaves = [state[name] for name in state if name != "parameters"]
    for name, row in state["parameters"].items():
        leaves += [name, row["n_updates"], row["exp_avg_sq_norm"], row["exp_avg"].tolist()]
    return leaves


def quiet(kind: Callable[..., Any]) -> Callable[..., Any]:
    """The optimizer without noise and decay, which no factor on the gradient shortens."""
    return lambda params, lr: kind(params, lr=lr, sigma=0.0, weight_decay=0.0)


# Each row: how the optimizer is built, and whether the factor goes to the step size.
CONTRACT = [
    pytest.param(torch.optim.SGD, False, id="SGD"),
    pytest.param(torch.optim.ASGD, False, id="ASGD"),
    pytest.param(quiet(UPGD), False, id="UPGD"),
    pytest.param(quiet(AdaptiveUPGD), True, id="AdaptiveUPGD"),
    pytest.param(torch.optim.Adam, True, id="Adam"),
    pytest.param(torch.optim.AdamW, True, id="AdamW"),
    pytest.param(torch.optim.Adamax, True, id="Adamax"),
    pytest.param(torch.optim.NAdam, True, id="NAdam"),
    pytest.param(torch.optim.RAdam, True, id="RAdam"),
    pytest.param(torch.optim.Adagrad, True, id="Adagrad"),
    pytest.param(torch.optim.Adadelta, True, id="Adadelta"),
    pytest.param(torch.optim.RMSprop, True, id="RMSprop"),
    pytest.param(RMSpropTFLike, True, id="RMSpropTFLike"),
]


@pytest.mark.parametrize(("kind", "on_step"), CONTRACT)
def test_factor_below_one_shortens_the_update(kind: Callable[..., Any], on_step: bool) -> None:
    """Of two runs equal so far, the one whose factor falls below 1 takes the shorter step."""
    lengths = {}
    for name, floor in (("scaled", 0.1), ("plain", 1.0)):
        named, optimizer, scaler = make_scaler(kind, warmup_steps=10, floor=floor)
        for step in range(15):
            before = [p.detach().clone() for p in named.values()]
            grads = draw_grads(step, noise=2.0 if step < 14 else 6.0)
            set_grads(named, grads)
            if step < 14:  # both runs are the same up to the last update
                scaler.observe()
                scaler._optimizer.step()
                continue
            factor = scaler.step()
            kept = all(torch.equal(p.grad, g) for p, g in zip(named.values(), grads, strict=True))
            assert kept == (on_step or factor == 1.0)
        moves = [(p - q).norm() for p, q in zip(named.values(), before, strict=True)]
        lengths[name] = torch.stack(moves).norm().item()
        assert optimizer.param_groups[0]["lr"] == 1e-2
        if name == "scaled":
            last = factor
    assert last < 0.9
    assert lengths["scaled"] == pytest.approx(last * lengths["plain"], rel=0.05)


@pytest.mark.parametrize("kind", [torch.optim.SGD, torch.optim.Adam])
@pytest.mark.parametrize("apply_to", ["gradient", "step_size"])
def test_apply_to_overrides_the_class(kind: Callable[..., Any], apply_to: str) -> None:
    """An explicit choice decides where the factor goes: to one place, and never to both."""
    named, optimizer, scaler = make_scaler(kind, apply_to=apply_to)
    for step in range(3):
        set_grads(named, draw_grads(step))
        with scaler._scaled_step_size():
            pass
        factor = scaler.observe() if step < 2 else scaler.step()
    expected = [g * factor if apply_to == "gradient" else g for g in draw_grads(2)]
    assert factor < 1
    assert all(torch.equal(p.grad, g) for p, g in zip(named.values(), expected, strict=True))
    with scaler._scaled_step_size():
        lr = optimizer.param_groups[0]["lr"]
    assert lr == (1e-2 if apply_to == "gradient" else 1e-2 * factor)


@pytest.mark.parametrize("max_norm", [None, 0.5])
def test_step_clips_what_it_has_scaled(max_norm: float | None) -> None:
    """The order is: observe the raw gradients, scale, clip by torch's norm to rounding, step."""
    named, optimizer, scaler = make_scaler(torch.optim.SGD)
    twins = {name: Parameter(p.detach().clone()) for name, p in named.items()}
    other = torch.optim.SGD(twins.values(), lr=1e-2)
    for step in range(4):
        set_grads(named, draw_grads(step))
        factor = scaler.step(max_norm)
        set_grads(twins, [grad * factor for grad in draw_grads(step)])
        if max_norm is not None:
            torch.nn.utils.clip_grad_norm_(twins.values(), max_norm)
        other.step()
    assert factor < 1
    torch.testing.assert_close([*named.values()], [*twins.values()], rtol=1e-6, atol=0)
    assert optimizer.param_groups[0]["lr"] == 1e-2


def test_parameters_that_are_not_tracked_are_clipped_with_the_others() -> None:
    """The norm is that of all the optimizer's gradients, not only of those that it observes."""
    tracked, other = Parameter(torch.ones(2)), Parameter(torch.ones(3))
    optimizer = torch.optim.SGD([tracked, other], lr=1.0)
    scaler = VarianceGradientScaler([("tracked", tracked)], optimizer)
    for p in (tracked, other):
        p.grad = torch.full_like(p, 2.0)
    scaler.step(1.0)
    moves = torch.cat([1 - tracked.detach(), 1 - other.detach()])
    torch.testing.assert_close(moves, torch.full((5,), 5**-0.5), rtol=1e-5, atol=0)


def test_scale_alone_never_acts_half() -> None:
    """Where gradients take no factor it is refused, before anything is observed, with the way."""
    named, _, scaler = make_scaler(torch.optim.Adam)
    set_grads(named, draw_grads(0))
    with pytest.raises(RuntimeError, match=r"expected step\(\) with Adam, got scale\(\)"):
        scaler.scale()
    assert scaler.n_updates == 0
    named, _, scaler = make_scaler(torch.optim.SGD)
    for step in range(3):
        set_grads(named, draw_grads(step))
        factor = scaler.scale()
    assert factor < 1
    for p, grad in zip(named.values(), draw_grads(2), strict=True):
        assert p.grad is not None
        assert torch.equal(p.grad, grad * factor)


def test_scaled_step_size_restores_each_lr_after_an_exception() -> None:
    """Every group has the very object that it had as lr."""
    params = [Parameter(torch.ones(2)), Parameter(torch.ones(3))]
    groups = [{"params": [params[0]], "lr": torch.tensor(0.1)}, {"params": [params[1]], "lr": 0.3}]
    optimizer = torch.optim.Adam(groups, foreach=False)
    scaler = VarianceGradientScaler([("a", params[0]), ("b", params[1])], optimizer)
    scaler.factor = 0.5
    before = [group["lr"] for group in optimizer.param_groups]

    def fail() -> None:
        with scaler._scaled_step_size():
            seen.extend(float(group["lr"]) for group in optimizer.param_groups)
            raise KeyError("stop")

    seen: list[float] = []
    with pytest.raises(KeyError, match="stop"):
        fail()
    assert seen == pytest.approx([0.05, 0.15])
    assert all(g["lr"] is lr for g, lr in zip(optimizer.param_groups, before, strict=True))
