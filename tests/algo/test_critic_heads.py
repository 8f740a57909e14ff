"""The critic heads against slow references."""

import copy
import re
from typing import Any

import pytest
import torch
from resumeproof.algo.maths.losses import categorical_loss
from resumeproof.algo.maths.quantiles import quantile_huber_loss
from resumeproof.algo.networks.critic_heads import (
    CategoricalHead,
    CriticHead,
    QuantileHead,
    ScalarHead,
)
from resumeproof.algo.networks.critics import CRITICS

KINDS = sorted(CRITICS)


@pytest.mark.parametrize("kind", KINDS)
def test_every_head_maps_a_batch_to_one_value_and_one_loss_per_sample(kind: str) -> None:
    """Each row of the table gives finite results of the promised shapes."""
    head: CriticHead = CRITICS[kind](3)
    outputs = head.forward(torch.randn(5, 3))
    assert outputs.shape[0] == 5
    assert head.value(outputs).shape == (5,)
    assert head.loss(outputs, torch.randn(5)).shape == (5,)
    assert head.clipped(outputs, outputs, 0.2).shape == outputs.shape
    assert head.loss(outputs, torch.randn(5)).isfinite().all()


@pytest.mark.parametrize("kind", KINDS)
def test_every_head_learns_the_value_of_a_constant_target(kind: str) -> None:
    """Descending the loss alone brings the expected value to the target."""
    torch.manual_seed(1)
    head = CRITICS[kind](3)
    latent, targets = torch.randn(64, 3), torch.full((64,), 1.7)
    optimizer = torch.optim.Adam(head.parameters(), lr=0.05)
    for _ in range(400):
        optimizer.zero_grad()
        head.loss(head(latent), targets).mean().backward()
        optimizer.step()
    assert (head.value(head(latent)) - targets).abs().mean() < 0.1


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(5, 1), (1,), (4,), ()])
def test_every_head_refuses_targets_of_another_shape(kind: str, shape: tuple[int, ...]) -> None:
    """A target that is not (batch,) is an error that shows its shape."""
    head = CRITICS[kind](3)
    with pytest.raises(ValueError, match=re.escape(f"targets {shape}")):
        head.loss(head(torch.randn(5, 3)), torch.zeros(shape))


def test_quantile_value_and_loss_follow_their_definitions() -> None:
    """The value is the mean quantile and the loss the quantile Huber loss with the head's kappa."""
    head = QuantileHead(3, n_quantiles=4, kappa=0.5)
    outputs, targets = torch.randn(6, 4), torch.randn(6)
    loop = torch.tensor([sum(row) / 4 for row in outputs.tolist()])
    torch.testing.assert_close(head.value(outputs), loop)
    assert torch.equal(head.loss(outputs, targets), quantile_huber_loss(outputs, targets, 0.5))


def test_categorical_value_and_loss_follow_their_definitions() -> None:
    """The value is the mean of the atoms under the softmax, the loss the cross-entropy."""
    head = CategoricalHead(3, n_atoms=5, v_min=-2.0, v_max=2.0)
    outputs, targets = torch.randn(6, 5), torch.randn(6)
    for value, row in zip(head.value(outputs).tolist(), outputs.softmax(1).tolist(), strict=True):
        expected = sum(p * atom for p, atom in zip(row, [-2, -1, 0, 1, 2], strict=True))
        assert value == pytest.approx(expected, abs=1e-6)
    atoms = torch.tensor([-2.0, -1.0, 0.0, 1.0, 2.0])
    assert torch.equal(head.atoms, atoms)
    assert torch.equal(head.loss(outputs, targets), categorical_loss(outputs, targets, atoms))


@pytest.mark.parametrize("head", [ScalarHead(3), QuantileHead(3, n_quantiles=1)])
def test_clipping_moves_each_output_at_most_the_range_from_its_own_old_value(
    head: CriticHead,
) -> None:
    """A small move is kept and a large one is cut, on both sides."""
    new = torch.tensor([[0.5], [3.0], [-3.0]])
    old = torch.tensor([[0.25], [1.0], [-1.0]])
    assert head.clipped(new, old, 0.5).tolist() == [[0.5], [1.5], [-1.5]]


def test_quantile_clipping_treats_every_quantile_alone() -> None:
    """One quantile may be clipped while its neighbour keeps its move."""
    head = QuantileHead(3, n_quantiles=3)
    clipped = head.clipped(torch.tensor([[-4.0, 0.5, 9.0]]), torch.tensor([[-1.0, 0.0, 9.0]]), 1.0)
    assert clipped.tolist() == [[-2.0, 0.5, 9.0]]


def translate_by_loop(row: list[float], shift: float, atoms: list[float]) -> list[float]:
    """Move each atom's mass by the shift and split it between its new neighbours."""
    moved, spacing = [0.0] * len(atoms), atoms[1] - atoms[0]
    for mass, atom in zip(row, atoms, strict=True):
        position = (min(max(atom + shift, atoms[0]), atoms[-1]) - atoms[0]) / spacing
        lower = min(int(position), len(atoms) - 2)
        moved[lower] += mass * (1.0 - (position - lower))
        moved[lower + 1] += mass * (position - lower)
    return moved


def test_categorical_clipping_matches_a_loop() -> None:
    """The distribution is translated by the cut of its mean's move, then projected."""
    torch.manual_seed(3)
    head = CategoricalHead(3, n_atoms=11, v_min=-5.0, v_max=5.0)
    new, old = 2.0 * torch.randn(8, 11), 2.0 * torch.randn(8, 11)
    clipped = head.clipped(new, old, 0.75).softmax(dim=1)
    for i, row in enumerate(new.softmax(dim=1).tolist()):
        move = (head.value(new)[i] - head.value(old)[i]).item()
        shift = min(max(move, -0.75), 0.75) - move
        expected = translate_by_loop(row, shift, head.atoms.tolist())
        torch.testing.assert_close(clipped[i], torch.tensor(expected), rtol=0, atol=2e-6)


def test_categorical_clipping_moves_the_mean_at_most_the_range() -> None:
    """Away from the ends of the support the clipped mean is the range away from the old one."""
    head = CategoricalHead(3, n_atoms=51)
    bump = -0.5 * (head.atoms - 2.0).square()
    new, old = torch.stack((bump, bump)), torch.stack((bump.roll(8), bump.roll(-1)))
    moves = (head.value(head.clipped(new, old, 1.0)) - head.value(old)).tolist()
    unclipped = (head.value(new) - head.value(old)).tolist()
    assert unclipped == pytest.approx([-3.2, 0.4], abs=1e-3)
    assert moves == pytest.approx([-1.0, 0.4], abs=1e-3)


def test_categorical_clipping_keeps_a_small_move() -> None:
    """A sample within the range keeps its probabilities."""
    torch.manual_seed(4)
    head = CategoricalHead(3, n_atoms=7)
    outputs, targets = torch.randn(5, 7), torch.randn(5)
    kept = head.clipped(outputs, outputs + 1e-4 * torch.randn(5, 7), 0.5)
    torch.testing.assert_close(kept.log_softmax(1), outputs.log_softmax(1), rtol=0, atol=1e-6)
    assert head.loss(kept, targets).isfinite().all()


def test_categorical_clipping_has_a_finite_gradient() -> None:
    """Atoms that lose all of their mass do not make the gradient infinite or NaN."""
    head = CategoricalHead(3, n_atoms=5, v_min=-1.0, v_max=1.0)
    outputs = torch.tensor([[60.0, 0.0, 0.0, 0.0, -60.0]], requires_grad=True)
    old = torch.tensor([[-60.0, 0.0, 0.0, 0.0, 60.0]])
    head.loss(head.clipped(outputs, old, 0.1), torch.tensor([0.3])).sum().backward()
    assert outputs.grad is not None
    assert outputs.grad.isfinite().all()


def test_adapt_support_keeps_a_support_that_holds_the_targets() -> None:
    """Targets inside change nothing."""
    head = CategoricalHead(3, v_min=-1.0, v_max=1.0)
    head.adapt_support(torch.tensor([-1.0, 0.3, 1.0]))
    assert (head.v_min.item(), head.v_max.item()) == (-1.0, 1.0)


def test_adapt_support_widens_only_the_side_that_is_exceeded() -> None:
    """The new end lies a tenth of the widened range beyond the extreme target."""
    head = CategoricalHead(3, n_atoms=3, v_min=-1.0, v_max=1.0)
    head.adapt_support(torch.tensor([0.0, 9.0]))
    assert (head.v_min.item(), head.v_max.item()) == (-1.0, 10.0)
    assert head.atoms.tolist() == [-1.0, 4.5, 10.0]
    head.adapt_support(torch.tensor([-10.0, 12.0]))
    assert head.v_min.item() == pytest.approx(-10.0 - 2.2)
    assert head.v_max.item() == pytest.approx(12.0 + 2.2)


def test_adapt_support_refuses_targets_that_are_not_finite() -> None:
    """The message says how many, and the support is unchanged."""
    head = CategoricalHead(3)
    with pytest.raises(ValueError, match="got 2 of 3 that are not"):
        head.adapt_support(torch.tensor([0.0, float("inf"), float("nan")]))
    assert head.v_max.item() == 10.0


def test_a_widened_support_survives_state_dict_with_its_atoms() -> None:
    """Range and atoms cannot disagree after a load, nor after a copy."""
    head = CategoricalHead(3, n_atoms=5)
    head.adapt_support(torch.tensor([100.0]))
    loaded = CategoricalHead(3, n_atoms=5)
    loaded.load_state_dict(head.state_dict())
    for other in (loaded, copy.deepcopy(head)):
        assert torch.equal(other.v_max, head.v_max)
        assert torch.equal(other.atoms, head.atoms)
        assert other.atoms[-1] == other.v_max
    assert set(head.state_dict()) == {"v_min", "v_max", "weight", "bias"}


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: QuantileHead(3, n_quantiles=0), "a whole number of at least 1, got n_quantiles=0"),
        (
            lambda: QuantileHead(3, kappa=0.0),
            "in (0, inf), got kappa=0.0",
        ),
        (lambda: CategoricalHead(3, n_atoms=1), "a whole number of at least 2, got n_atoms=1"),
        (
            lambda: CategoricalHead(3, v_min=2.0, v_max=2.0),
            "in (2, inf), got v_max=2.0",
        ),
        (
            lambda: CategoricalHead(3, v_max=float("inf")),
            "in (-10, inf), got v_max=inf",
        ),
    ],
)
def test_constructors_refuse_values_outside_their_range(build: Any, message: str) -> None:
    """Every argument is validated with its value in the message."""
    with pytest.raises(ValueError, match=re.escape(message)):
        build()
