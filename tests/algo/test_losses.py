"""The per-sample losses against slow references, and the shapes that they refuse."""

import math
import re

import pytest
import torch
from resumeproof.algo.maths.losses import (
    approximate_kl,
    categorical_loss,
    check_batch,
    ppo_policy_loss,
    project_two_hot,
    scalar_loss,
    translate_two_hot,
)
from torch import Tensor
from torch.nn import functional

ATOMS = torch.linspace(-2.0, 3.0, 11)
UNEVEN_ATOMS = torch.tensor([-4.0, -1.0, 0.0, 0.5, 9.0])


def two_hot_by_loop(targets: Tensor, atoms: Tensor) -> Tensor:
    """Project one target at a time, in plain python numbers."""
    rows = []
    for target in targets.tolist():
        support = atoms.tolist()
        clamped = min(max(target, support[0]), support[-1])
        row = [0.0] * len(support)
        for i in range(len(support) - 1):
            if support[i] <= clamped <= support[i + 1]:
                share = (clamped - support[i]) / (support[i + 1] - support[i])
                row[i], row[i + 1] = 1.0 - share, share
                break
        rows.append(row)
    return torch.tensor(rows)


@pytest.mark.parametrize("atoms", [ATOMS, UNEVEN_ATOMS], ids=["even", "uneven"])
def test_project_two_hot_matches_a_loop_and_keeps_the_mean(atoms: Tensor) -> None:
    """Inside the support the projection equals the loop, sums to one and has the target as mean."""
    torch.manual_seed(0)
    low, high = atoms[0].item(), atoms[-1].item()
    targets = torch.empty(200).uniform_(low, high)
    projected = project_two_hot(targets, atoms)
    torch.testing.assert_close(projected, two_hot_by_loop(targets, atoms), rtol=0, atol=1e-5)
    torch.testing.assert_close(projected.sum(dim=1), torch.ones(200))
    torch.testing.assert_close(projected @ atoms, targets, rtol=0, atol=1e-5)
    assert ((projected > 0).sum(dim=1) <= 2).all()


def test_project_two_hot_puts_a_target_on_an_atom_entirely_there() -> None:
    """Each atom projects to exactly its own one-hot row, the two ends included."""
    assert torch.equal(project_two_hot(UNEVEN_ATOMS, UNEVEN_ATOMS), torch.eye(5))


def test_project_two_hot_clamps_targets_outside_the_support() -> None:
    """A target beyond an end is all on that end."""
    projected = project_two_hot(torch.tensor([-50.0, 50.0]), ATOMS)
    assert torch.equal(projected, torch.eye(11)[[0, 10]])


def test_project_two_hot_refuses_a_single_atom() -> None:
    """One atom has no neighbour to share with."""
    with pytest.raises(ValueError, match=re.escape("n_atoms of at least 2, got (1,)")):
        project_two_hot(torch.zeros(3), torch.zeros(1))


def test_categorical_loss_matches_a_double_loop() -> None:
    """The loss is the cross-entropy of the projected target, summed atom by atom."""
    torch.manual_seed(1)
    logits = torch.randn(6, 11)
    targets = torch.empty(6).uniform_(-3.0, 4.0)
    expected = []
    for row, weights in zip(logits.tolist(), two_hot_by_loop(targets, ATOMS).tolist(), strict=True):
        normaliser = math.log(sum(math.exp(x) for x in row))
        expected.append(-sum(w * (x - normaliser) for w, x in zip(weights, row, strict=True)))
    torch.testing.assert_close(categorical_loss(logits, targets, ATOMS), torch.tensor(expected))


def test_categorical_loss_refuses_another_number_of_atoms() -> None:
    """A support that does not belong to the logits is an error with both shapes."""
    with pytest.raises(ValueError, match=re.escape("got logits (6, 10) and atoms (11,)")):
        categorical_loss(torch.zeros(6, 10), torch.zeros(6), ATOMS)


def test_translate_two_hot_moves_the_mean_by_the_shift() -> None:
    """Away from the ends the mean follows exactly, whatever the fraction of the spacing."""
    atoms, mass = torch.arange(9.0), torch.zeros(4, 9)
    mass[:, 3], mass[:, 4] = 0.25, 0.75
    shift = torch.tensor([0.0, 0.5, -2.25, 4.0])
    moved = translate_two_hot(mass, shift, atoms)
    assert torch.equal(moved[0], mass[0])
    assert torch.equal(moved @ atoms, 3.75 + shift)
    assert torch.equal(moved.sum(dim=1), torch.ones(4))


def test_translate_two_hot_keeps_the_mass_at_the_ends() -> None:
    """Mass that would leave the support stays on its first or last atom."""
    moved = translate_two_hot(torch.full((2, 4), 0.25), torch.tensor([-9.0, 2.0]), ATOMS[:4])
    assert moved.tolist() == [[1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0]]


def test_scalar_loss_is_the_squared_error_per_sample() -> None:
    """Its mean is torch's own mean squared error."""
    values, targets = torch.tensor([1.0, -2.0, 0.5]), torch.tensor([0.0, 1.0, 0.5])
    assert scalar_loss(values, targets).tolist() == [1.0, 9.0, 0.0]
    assert torch.equal(scalar_loss(values, targets).mean(), functional.mse_loss(values, targets))


def test_ppo_policy_loss_matches_the_four_hand_computed_cases() -> None:
    """Only a ratio that moved in the direction of its advantage is clipped."""
    advantages = torch.tensor([2.0, 2.0, -2.0, -2.0, 2.0])
    ratio = torch.tensor([1.5, 0.5, 1.5, 0.5, 1.125])
    expected = torch.tensor([-2.0 * 1.25, -1.0, 3.0, 2.0 * 0.75, -2.25])
    assert torch.equal(ppo_policy_loss(advantages, ratio, 0.25), expected)


def test_ppo_policy_loss_has_no_gradient_where_it_is_clipped() -> None:
    """A clipped sample does not push its ratio further."""
    ratio = torch.tensor([1.5, 1.0, 0.5], requires_grad=True)
    ppo_policy_loss(torch.tensor([1.0, 1.0, 1.0]), ratio, 0.2).sum().backward()
    assert ratio.grad is not None
    assert ratio.grad.tolist() == [0.0, -1.0, -1.0]


def test_approximate_kl_matches_a_loop() -> None:
    """The estimate is the mean of (r - 1) - log r and never negative."""
    log_ratio = torch.tensor([0.3, -0.7, 0.0, 1.2])
    expected = sum(math.exp(x) - 1.0 - x for x in log_ratio.tolist()) / 4
    assert approximate_kl(log_ratio).item() == pytest.approx(expected, rel=1e-6)
    assert approximate_kl(torch.zeros(3)).item() == 0.0


def test_approximate_kl_estimates_the_true_divergence() -> None:
    """Over many actions of the old policy the estimate approaches KL(old, new)."""
    torch.manual_seed(2)
    old, new = torch.tensor([0.5, 0.3, 0.2]).log(), torch.tensor([0.4, 0.4, 0.2]).log()
    actions = torch.multinomial(old.exp(), 200_000, replacement=True)
    truth = (old.exp() * (old - new)).sum().item()
    assert approximate_kl((new - old)[actions]).item() == pytest.approx(truth, rel=0.02)


def losses_of(mask_a: Tensor, mask_b: Tensor) -> list[tuple[str, Tensor]]:
    """Evaluate every loss with one tensor under each mask."""
    values, targets, logits = torch.arange(8.0), torch.arange(8.0) * 0.25, torch.zeros(8, 11)
    return [
        ("scalar", scalar_loss(values[mask_a], targets[mask_b])),
        ("categorical", categorical_loss(logits[mask_a], targets[mask_b], ATOMS)),
        ("ppo", ppo_policy_loss(values[mask_a], targets[mask_b], 0.2)),
    ]


MASKS = {
    "all": torch.ones(8, dtype=torch.bool),
    "partial": torch.arange(8) % 3 == 0,
    "single": torch.arange(8) == 5,
}


@pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS)
def test_losses_accept_any_mask_that_every_tensor_shares(mask: Tensor) -> None:
    """The masked loss is the full loss at the samples of the mask."""
    full = dict(losses_of(MASKS["all"], MASKS["all"]))
    for name, loss in losses_of(mask, mask):
        assert torch.equal(loss, full[name][mask]), name


@pytest.mark.parametrize(("mask_a", "mask_b"), [("all", "partial"), ("partial", "single")])
def test_losses_refuse_two_different_masks(mask_a: str, mask_b: str) -> None:
    """A mask applied to one tensor only is an error, never a broadcast."""
    with pytest.raises(ValueError, match="apply the same mask to every tensor"):
        losses_of(MASKS[mask_a], MASKS[mask_b])


def test_losses_refuse_a_single_sample_against_a_batch() -> None:
    """A batch of one, which broadcasting would accept, is an error with both shapes."""
    with pytest.raises(ValueError, match=re.escape("got values (8,), targets (1,)")):
        scalar_loss(torch.zeros(8), torch.zeros(1))


def test_losses_refuse_an_empty_mask() -> None:
    """No sample has no mean loss."""
    with pytest.raises(ValueError, match="one batch size of at least 1"):
        losses_of(MASKS["all"] & False, MASKS["all"] & False)


def test_check_batch_names_the_expected_and_the_actual_shapes() -> None:
    """The message holds every name with its expected and its actual shape."""
    expected = "expected targets (batch,), outputs (batch, n) with one batch size"
    with pytest.raises(ValueError, match=re.escape(expected)):
        check_batch({"targets": torch.zeros(4, 1)}, {"outputs": torch.zeros(4, 3)})
    with pytest.raises(ValueError, match=re.escape("got targets (4,), outputs (4,);")):
        check_batch({"targets": torch.zeros(4)}, {"outputs": torch.zeros(4)})
