"""The quantile Huber loss against a double loop, and the shapes that it refuses."""

import re

import pytest
import torch
from resumeproof.algo.maths.quantiles import quantile_huber_loss, quantile_midpoints
from torch import Tensor


def loss_by_loop(quantiles: Tensor, targets: Tensor, kappa: float) -> Tensor:
    """Sum the definition, one sample and one quantile at a time, in plain python numbers."""
    losses = []
    for row, target in zip(quantiles.tolist(), targets.tolist(), strict=True):
        total = 0.0
        for i, quantile in enumerate(row):
            u = target - quantile
            huber = 0.5 * u * u if abs(u) <= kappa else kappa * (abs(u) - 0.5 * kappa)
            level = (i + 0.5) / len(row)
            total += abs(level - (1.0 if u < 0 else 0.0)) * huber / kappa
        losses.append(total / len(row))
    return torch.tensor(losses)


def test_quantile_midpoints_are_the_middles_of_equal_parts() -> None:
    """Four quantiles stand for the eighths with odd numerators."""
    assert quantile_midpoints(4).tolist() == [0.125, 0.375, 0.625, 0.875]
    assert quantile_midpoints(1).tolist() == [0.5]


def test_quantile_midpoints_refuses_no_quantile() -> None:
    """A count below one is an error that shows it."""
    with pytest.raises(ValueError, match="expected at least 1 quantile, got n=0"):
        quantile_midpoints(0)


@pytest.mark.parametrize("kappa", [0.3, 1.0, 4.0])
@pytest.mark.parametrize(("batch", "n"), [(1, 1), (1, 32), (7, 5), (16, 16)])
def test_quantile_huber_loss_matches_a_double_loop(batch: int, n: int, kappa: float) -> None:
    """Every size and threshold gives the definition's value for every sample."""
    torch.manual_seed(0)
    quantiles, targets = 3.0 * torch.randn(batch, n), 3.0 * torch.randn(batch)
    loss = quantile_huber_loss(quantiles, targets, kappa)
    torch.testing.assert_close(loss, loss_by_loop(quantiles, targets, kappa))
    assert loss.shape == (batch,)


def test_quantile_huber_loss_matches_a_hand_computed_case() -> None:
    """Two quantiles, one on either side of the target and one beyond kappa."""
    loss = quantile_huber_loss(torch.tensor([[0.5, 4.0]]), torch.tensor([1.0]))
    # 0.25 * 0.5 * 0.5^2 below the target, |0.75 - 1| * (3 - 0.5) above it
    assert loss.tolist() == [(0.25 * 0.125 + 0.25 * 2.5) / 2]


def test_quantile_huber_loss_gradient_matches_finite_differences() -> None:
    """The gradient is the derivative of the loss, in double precision."""
    torch.manual_seed(1)
    quantiles = torch.randn(4, 6, dtype=torch.float64, requires_grad=True)
    targets = torch.randn(4, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda q: quantile_huber_loss(q, targets, 0.7), (quantiles,))


def test_quantile_huber_loss_descent_finds_the_quantiles_of_the_targets() -> None:
    """With a small kappa the minimum is near the empirical quantiles at the midpoints."""
    torch.manual_seed(2)
    targets = torch.rand(4000)
    quantiles = torch.zeros(1, 4, requires_grad=True)
    optimizer = torch.optim.Adam([quantiles], lr=0.02)
    for _ in range(300):
        optimizer.zero_grad()
        quantile_huber_loss(quantiles.expand(4000, 4), targets, 0.01).mean().backward()
        optimizer.step()
    torch.testing.assert_close(quantiles[0].detach(), quantile_midpoints(4), rtol=0, atol=0.03)


@pytest.mark.parametrize("shape", [(8, 1), (1, 8), (1,), (7,), (), (8, 5)])
def test_quantile_huber_loss_refuses_any_other_target_shape(shape: tuple[int, ...]) -> None:
    """A target that could be broadcast is an error that shows both shapes."""
    message = re.escape(f"got targets {shape}, quantiles (8, 5)")
    with pytest.raises(ValueError, match=message):
        quantile_huber_loss(torch.zeros(8, 5), torch.zeros(shape))


def test_quantile_huber_loss_refuses_quantiles_without_a_quantile_dimension() -> None:
    """A vector of quantiles for a vector of targets is ambiguous."""
    with pytest.raises(ValueError, match=re.escape("quantiles (8,)")):
        quantile_huber_loss(torch.zeros(8), torch.zeros(8))


@pytest.mark.parametrize("kappa", [0.0, -1.0, float("nan")])
def test_quantile_huber_loss_refuses_a_kappa_that_is_not_positive(kappa: float) -> None:
    """The message shows the value."""
    with pytest.raises(ValueError, match=f"expected a positive kappa, got kappa={kappa}"):
        quantile_huber_loss(torch.zeros(2, 3), torch.zeros(2), kappa)


@pytest.mark.parametrize("mask", [[True] * 4, [True, False, True, False], [False] * 3 + [True]])
def test_quantile_huber_loss_treats_samples_independently(mask: list[bool]) -> None:
    """Under any mask the loss of a sample is its loss in the full batch."""
    torch.manual_seed(3)
    quantiles, targets, chosen = torch.randn(4, 8), torch.randn(4), torch.tensor(mask)
    masked = quantile_huber_loss(quantiles[chosen], targets[chosen])
    torch.testing.assert_close(masked, quantile_huber_loss(quantiles, targets)[chosen])


def test_quantile_huber_loss_holds_no_pairwise_tensor() -> None:
    """No tensor that the backward pass keeps is larger than the quantiles themselves."""
    sizes: list[int] = []

    def record(tensor: Tensor) -> Tensor:
        sizes.append(tensor.numel())
        return tensor

    quantiles = torch.randn(16, 50, requires_grad=True)
    with torch.autograd.graph.saved_tensors_hooks(record, lambda tensor: tensor):
        quantile_huber_loss(quantiles, torch.randn(16)).mean().backward()
    assert max(sizes) <= quantiles.numel()
