"""The single and twin critics against slow references, and what their builder refuses."""

import re
from typing import Any

import pytest
import torch
from resumeproof.algo.networks.critic_heads import ScalarHead
from resumeproof.algo.networks.critics import CRITICS, TwinCritic, make_critic
from torch import Tensor, nn

KINDS = sorted(CRITICS)


def make_twin(kind: str, n_heads: int = 2, **critic_kwargs: Any) -> TwinCritic:
    """Build a critic on a latent of three numbers, from a fixed seed."""
    torch.manual_seed(0)
    return make_critic(kind, 3, n_heads, critic_kwargs)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mask", [[True] * 4, [True, False, True, False], [False] * 3 + [True]])
def test_twin_loss_under_a_mask_is_the_mean_over_its_samples(kind: str, mask: list[bool]) -> None:
    """A mask that selects outputs, old outputs and targets alike gives the mean of its samples."""
    critic, chosen = make_twin(kind), torch.tensor(mask)
    outputs, old = critic(torch.randn(4, 3)), critic(torch.randn(4, 3))
    targets = torch.randn(4)
    single = [
        critic.loss(
            tuple(o[i : i + 1] for o in outputs),
            targets[i : i + 1],
            tuple(o[i : i + 1] for o in old),
            0.1,
        )
        for i in range(4)
        if mask[i]
    ]
    loss = critic.loss(
        tuple(o[chosen] for o in outputs), targets[chosen], tuple(o[chosen] for o in old), 0.1
    )
    torch.testing.assert_close(loss, torch.stack(single).mean())


@pytest.mark.parametrize("kind", KINDS)
def test_twin_loss_refuses_a_mask_on_the_targets_alone(kind: str) -> None:
    """Targets of fewer samples than the cached outputs are an error, not a broadcast."""
    critic = make_twin(kind)
    outputs = critic(torch.randn(4, 3))
    with pytest.raises(ValueError, match="apply the same mask to every tensor"):
        critic.loss(outputs, torch.zeros(4)[[True, False, False, False]])


@pytest.mark.parametrize("kind", KINDS)
def test_twin_loss_refuses_old_outputs_of_other_samples(kind: str) -> None:
    """Old predictions of another shape are an error with both shapes."""
    critic = make_twin(kind)
    outputs = critic(torch.randn(4, 3))
    old = tuple(o[:1] for o in outputs)
    with pytest.raises(ValueError, match=re.escape("old outputs (1, ")):
        critic.loss(outputs, torch.zeros(4), old, 0.2)


def with_values(critic: TwinCritic, first: list[float], second: list[float]) -> tuple[Tensor, ...]:
    """Build outputs of a two-quantile twin critic with the given expected values per head."""
    assert len(critic.heads) == 2
    spread = torch.tensor([-0.5, 0.5])
    return tuple(torch.tensor(values).unsqueeze(1) + spread for values in (first, second))


def test_twin_value_is_the_minimum_state_by_state() -> None:
    """Where the lower head alternates, each state takes its own minimum."""
    critic = make_twin("quantile", n_quantiles=2)
    outputs = with_values(critic, [1.0, 5.0, -2.0, 4.0], [3.0, 2.0, -1.0, -4.0])
    assert critic.value(outputs).tolist() == [1.0, 2.0, -2.0, -4.0]


@pytest.mark.parametrize("kind", KINDS)
def test_twin_value_of_one_head_is_that_head(kind: str) -> None:
    """A single critic has nothing to be compared with."""
    critic = make_twin(kind, n_heads=1)
    outputs = critic(torch.randn(4, 3))
    assert len(outputs) == 1
    (head,) = critic.critic_heads()
    assert torch.equal(critic.value(outputs), head.value(outputs[0]))


@pytest.mark.parametrize("kind", KINDS)
def test_twin_loss_without_clipping_is_the_mean_over_heads(kind: str) -> None:
    """Each head is averaged over the batch, then the heads over each other."""
    critic = make_twin(kind)
    outputs, targets = critic(torch.randn(4, 3)), torch.randn(4)
    losses = [
        head.loss(o, targets).mean().item()
        for head, o in zip(critic.critic_heads(), outputs, strict=True)
    ]
    assert critic.loss(outputs, targets).item() == pytest.approx(sum(losses) / 2, rel=1e-6)


def test_twin_loss_takes_the_maximum_per_head_before_the_mean_over_heads() -> None:
    """Where clipping decides one head only, max-first differs from mean-first.

    Head one, new values 2 and 0 against old 0 and 1, targets 2 and 0, clip range 0.5: unclipped
    losses 0 and 0, clipped (0.5 - 2)^2 = 2.25 and (0.5 - 0)^2 = 0.25. Head two, new values 0 and
    3 against old 2 and 3: unclipped 4 and 9, clipped (1.5 - 2)^2 = 0.25 and 9.
    """
    critic = make_twin("scalar")
    outputs = (torch.tensor([[2.0], [0.0]]), torch.tensor([[0.0], [3.0]]))
    old = (torch.tensor([[0.0], [1.0]]), torch.tensor([[2.0], [3.0]]))
    loss = critic.loss(outputs, torch.tensor([2.0, 0.0]), old, 0.5)
    max_first = ((2.25 + 0.25) / 2 + (4.0 + 9.0) / 2) / 2
    mean_over_heads_first = (max(2.0, 1.25) + max(4.5, 4.625)) / 2
    assert max_first != mean_over_heads_first
    assert loss.item() == max_first


def test_twin_loss_takes_the_maximum_per_sample_before_the_mean_over_the_batch() -> None:
    """Within one head the maximum is taken sample by sample.

    New values 2 and 2 against old 0 and 0, targets 2 and 0, clip range 1: unclipped losses 0
    and 4, clipped 1 and 1. Sample by sample (1 + 4) / 2; of the batch means max(2, 1).
    """
    critic = make_twin("scalar", n_heads=1)
    outputs, old = (torch.full((2, 1), 2.0),), (torch.zeros(2, 1),)
    assert critic.loss(outputs, torch.tensor([2.0, 0.0]), old, 1.0).item() == 2.5


@pytest.mark.parametrize("arguments", [{"clip_range": 0.2}, {"old_outputs": "given"}])
def test_twin_loss_refuses_half_of_the_clipping_arguments(arguments: dict[str, Any]) -> None:
    """Old outputs without a range, or the reverse, are an error that says so."""
    critic = make_twin("scalar")
    outputs = critic(torch.randn(4, 3))
    if "old_outputs" in arguments:
        arguments = {"old_outputs": outputs}
    with pytest.raises(ValueError, match="expected old_outputs and clip_range together"):
        critic.loss(outputs, torch.zeros(4), **arguments)


def test_twin_loss_refuses_another_number_of_outputs() -> None:
    """Outputs of one head for a critic of two are an error with both numbers."""
    critic = make_twin("scalar")
    with pytest.raises(ValueError, match="expected outputs of 2 heads, got 1"):
        critic.loss(critic(torch.randn(4, 3))[:1], torch.zeros(4))


@pytest.mark.parametrize("clip_range", [0.0, -0.1, float("nan")])
def test_twin_loss_refuses_a_clip_range_that_is_not_positive(clip_range: float) -> None:
    """The value is in the message."""
    critic = make_twin("scalar")
    outputs = critic(torch.randn(4, 3))
    with pytest.raises(ValueError, match=f"positive clip_range, got clip_range={clip_range}"):
        critic.loss(outputs, torch.zeros(4), outputs, clip_range)


def test_adapt_support_of_a_twin_critic_reaches_every_head() -> None:
    """Both supports widen alike; critics without a support accept the call."""
    critic = make_twin("categorical")
    critic.adapt_support(torch.tensor([50.0]))
    supports = {(head.v_min.item(), head.v_max.item()) for head in critic.heads}  # type: ignore[operator]
    assert supports == {(-10.0, 56.0)}
    make_twin("quantile").adapt_support(torch.tensor([50.0]))
    make_twin("scalar").adapt_support(torch.tensor([50.0]))


def test_make_critic_gives_its_heads_separate_parameters() -> None:
    """Twin heads start different and share nothing."""
    first, second = make_twin("quantile").heads
    assert not torch.equal(first.weight, second.weight)  # type: ignore[arg-type]
    assert isinstance(first, nn.Linear)
    assert {p.data_ptr() for p in first.parameters()}.isdisjoint(
        p.data_ptr() for p in second.parameters()
    )


def test_make_critic_hands_the_keywords_to_every_head() -> None:
    """The nested keywords reach both constructors."""
    critic = make_critic("quantile", 3, 2, {"n_quantiles": 5, "kappa": 0.5})
    assert [output.shape for output in critic(torch.zeros(1, 3))] == [(1, 5), (1, 5)]


def test_make_critic_refuses_an_unknown_kind() -> None:
    """The message lists the valid names."""
    message = "critic='quantil' is unknown: expected one of ['categorical', 'quantile', 'scalar']"
    with pytest.raises(ValueError, match=re.escape(message)):
        make_critic("quantil", 3, 2, None)


@pytest.mark.parametrize(
    ("kind", "name", "valid"),
    [
        ("quantile", "n_atoms", "['n_quantiles', 'kappa']"),
        ("categorical", "vmin", "['n_atoms', 'v_min', 'v_max']"),
        ("scalar", "latent_dim", "[]"),
    ],
)
def test_make_critic_refuses_an_unknown_keyword(kind: str, name: str, valid: str) -> None:
    """The message names the keyword and lists the valid ones."""
    message = f"unknown critic_kwargs ['{name}'] of critic {kind!r}; expected some of {valid}"
    with pytest.raises(ValueError, match=re.escape(message)):
        make_critic(kind, 3, 2, {name: 1})


def test_twin_critic_refuses_a_third_head() -> None:
    """Neither fewer than one nor more than two heads are supported."""
    for n_heads in (0, 3):
        with pytest.raises(ValueError, match=f"n_heads of 1 or 2, got n_heads={n_heads}"):
            TwinCritic(lambda: ScalarHead(3), n_heads)
