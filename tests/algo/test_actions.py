"""Sampling and scoring of actions against SB3's distributions and torch's sampler."""

import math
import re

import pytest
import torch
from resumeproof.algo.networks.actions import (
    act_categorical,
    act_gaussian,
    sample_categorical,
    score_categorical,
    score_gaussian,
)
from stable_baselines3.common.distributions import CategoricalDistribution, DiagGaussianDistribution
from torch import Tensor

LOGITS = torch.tensor([[0.3, -1.2, 2.0], [5.0, 5.0, -5.0], [0.0, 0.0, 0.0], [-80.0, 0.0, 80.0]])
MEAN = torch.tensor([[0.5, -1.0], [3.0, 0.0], [-2.0, 40.0]])
LOG_STD = torch.tensor([-0.7, 0.4])


def gradient(result: Tensor, of: Tensor) -> Tensor:
    """Gradient of the sum of a result."""
    return torch.autograd.grad(result.sum(), of, retain_graph=True)[0]


def test_sample_categorical_draws_as_multinomial_does() -> None:
    """The same generator state gives the same choices and leaves the same state behind."""
    log_probs = torch.randn(64, 5).log_softmax(dim=1)
    torch.manual_seed(3)
    ours, ours_after = sample_categorical(log_probs), torch.get_rng_state()
    torch.manual_seed(3)
    theirs = torch.multinomial(log_probs.exp(), 1).squeeze(1)
    assert torch.equal(ours, theirs)
    assert torch.equal(ours_after, torch.get_rng_state())


def test_sample_categorical_never_draws_an_impossible_choice() -> None:
    """A choice of probability zero does not win the race."""
    log_probs = torch.tensor([[0.0, -math.inf], [-math.inf, 0.0]]).repeat(500, 1)
    assert torch.equal(sample_categorical(log_probs), torch.tensor([0, 1] * 500))


def test_sample_categorical_follows_the_probabilities() -> None:
    """Frequencies of many draws approach the probabilities."""
    torch.manual_seed(0)
    probabilities = torch.tensor([0.5, 0.3, 0.2])
    drawn = sample_categorical(probabilities.log().expand(100_000, 3))
    frequencies = drawn.bincount(minlength=3) / 100_000
    torch.testing.assert_close(frequencies, probabilities, rtol=0, atol=0.01)


def test_act_categorical_scores_the_choice_that_it_returns() -> None:
    """Choice and log-probability agree with the score of the same choice, bit for bit."""
    for deterministic in (True, False):
        actions, log_prob = act_categorical(LOGITS, deterministic)
        assert torch.equal(log_prob, score_categorical(LOGITS, actions)[0])
    assert torch.equal(act_categorical(LOGITS, True)[0], LOGITS.argmax(dim=1))


def test_score_categorical_matches_sb3() -> None:
    """Log-probability, entropy and their gradients are those of SB3's distribution."""
    actions = torch.tensor([2, 0, 1, 0])
    ours, theirs = LOGITS.clone().requires_grad_(), LOGITS.clone().requires_grad_()
    log_prob, entropy = score_categorical(ours, actions)
    reference = CategoricalDistribution(3).proba_distribution(theirs)
    torch.testing.assert_close(log_prob, reference.log_prob(actions), rtol=3e-7, atol=3e-7)
    torch.testing.assert_close(entropy, reference.entropy(), rtol=3e-7, atol=3e-7)
    for mine, its in ((log_prob, reference.log_prob(actions)), (entropy, reference.entropy())):
        torch.testing.assert_close(gradient(mine, ours), gradient(its, theirs), atol=1e-6, rtol=0)


def test_score_categorical_of_a_masked_choice_is_finite() -> None:
    """A logit of minus infinity leaves the others' scores and the entropy finite."""
    log_prob, entropy = score_categorical(torch.tensor([[0.0, 0.0, -math.inf]]), torch.tensor([1]))
    assert log_prob.item() == pytest.approx(-math.log(2.0))
    assert entropy.item() == pytest.approx(math.log(2.0))


@pytest.mark.parametrize("shape", [(4, 1), (3,), ()])
def test_score_categorical_refuses_another_shape(shape: tuple[int, ...]) -> None:
    """A column of actions, which would broadcast to (batch, batch), is an error."""
    with pytest.raises(ValueError, match=re.escape(f"got actions {shape}, logits (4, 3)")):
        score_categorical(LOGITS, torch.zeros(shape, dtype=torch.int64))


def test_act_gaussian_draws_as_sb3_does() -> None:
    """The same generator state gives the same actions up to one rounding, and the same state."""
    torch.manual_seed(5)
    actions, log_prob = act_gaussian(MEAN, LOG_STD, deterministic=False)
    after = torch.get_rng_state()
    torch.manual_seed(5)
    reference = DiagGaussianDistribution(2).proba_distribution(MEAN, LOG_STD)
    torch.testing.assert_close(actions, reference.sample(), rtol=2e-7, atol=1e-7)
    assert torch.equal(after, torch.get_rng_state())
    torch.testing.assert_close(log_prob, reference.log_prob(actions), rtol=1e-6, atol=1e-6)
    assert torch.equal(log_prob, score_gaussian(MEAN, LOG_STD, actions)[0])


def test_act_gaussian_returns_the_means_when_deterministic() -> None:
    """The mode is the mean, and its density does not depend on it."""
    actions, log_prob = act_gaussian(MEAN, LOG_STD, deterministic=True)
    assert torch.equal(actions, MEAN)
    assert torch.equal(log_prob, score_gaussian(MEAN, LOG_STD, MEAN)[0])


def test_act_gaussian_of_a_mean_that_is_not_finite_has_no_finite_density() -> None:
    """A diverged mean cannot hide behind the finite noise that was added to it."""
    for bad in (math.nan, math.inf):
        log_prob = act_gaussian(torch.tensor([[bad, 0.0]]), LOG_STD, deterministic=False)[1]
        assert not log_prob.isfinite().any()


def test_score_gaussian_matches_sb3() -> None:
    """Log-density, entropy and their gradients are those of SB3's distribution."""
    actions = MEAN + torch.tensor([[0.1, -2.0], [0.0, 0.0], [3.0, 1.0]])
    inputs = [tensor.clone().requires_grad_() for tensor in (MEAN, LOG_STD, MEAN, LOG_STD)]
    log_prob, entropy = score_gaussian(inputs[0], inputs[1], actions)
    reference = DiagGaussianDistribution(2).proba_distribution(inputs[2], inputs[3])
    expected, expected_entropy = reference.log_prob(actions), reference.entropy()
    assert expected_entropy is not None
    torch.testing.assert_close(log_prob, expected, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(entropy, expected_entropy, rtol=3e-7, atol=3e-7)
    for i in (0, 1):
        mine, its = gradient(log_prob, inputs[i]), gradient(expected, inputs[i + 2])
        torch.testing.assert_close(mine, its, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(gradient(entropy, inputs[1]), torch.tensor([3.0, 3.0]))


def test_score_gaussian_refuses_another_shape() -> None:
    """Flat actions for a column of means, which would broadcast, are an error."""
    with pytest.raises(ValueError, match=re.escape("means (3, 1), got (3,)")):
        score_gaussian(torch.zeros(3, 1), torch.zeros(1), torch.zeros(3))
