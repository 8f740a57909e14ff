"""Critics of a policy: one head or two twins, found by name.

Legend of shape suffixes: ``b`` batch.
"""

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast, final

import torch
from torch import Tensor, nn

from ..maths.validation import require_among
from .critic_heads import CategoricalHead, CriticHead, QuantileHead, ScalarHead
from .layers import run_layer

__all__ = [
    "CRITICS",
    "CategoricalHead",
    "CriticHead",
    "QuantileHead",
    "ScalarHead",
    "TwinCritic",
    "make_critic",
]


TWINS = ("min", "mean")


@final
class TwinCritic(nn.Module):
    """One or two independent heads on one target; the value is the lower of their expectations.

    Args:
        make_head: Builds one head; called once per head.
        n_heads: 1 for a single critic, 2 for twins.
        twin: "min" for the lower of two expectations, "mean" for their mean.

    Raises:
        ValueError: If ``n_heads`` is neither 1 nor 2, or ``twin`` is unknown.

    Source: Fujimoto et al. 2018 (https://arxiv.org/abs/1802.09477), section 4.2.
    """

    def __init__(
        self, make_head: Callable[[], CriticHead], n_heads: int = 2, twin: str = "min"
    ) -> None:
        super().__init__()
        require_among("twin", twin, TWINS)
        self.twin = twin
        if n_heads not in (1, 2):
            raise ValueError(f"expected n_heads of 1 or 2, got n_heads={n_heads!r}")
        self.heads = nn.ModuleList(cast(nn.Module, make_head()) for _ in range(n_heads))

    def critic_heads(self) -> Iterable[CriticHead]:
        """The heads with the interface of ``CriticHead``."""
        return cast(Iterable[CriticHead], self.heads)

    def forward(self, latent: Tensor) -> tuple[Tensor, ...]:
        """Outputs of each head, ``(batch, n_outputs)`` each, for a latent ``(batch, d)``."""
        return tuple([run_layer(head, latent) for head in self.heads])

    def value(self, outputs: tuple[Tensor, ...]) -> Tensor:
        """Minimum or mean over the heads of the expected value, state by state, ``(batch,)``."""
        values = [head.value(o) for head, o in zip(self.critic_heads(), outputs, strict=True)]
        if len(values) == 1:
            return values[0]
        if self.twin == "mean":
            return (values[0] + values[1]) / 2
        return torch.minimum(values[0], values[1])

    def loss(
        self,
        outputs: tuple[Tensor, ...],
        targets: Tensor,
        old_outputs: tuple[Tensor, ...] | None = None,
        clip_range: float | None = None,
    ) -> Tensor:
        """Mean loss of the heads, each clipped against its own old outputs if a range is given.

        With clipping, the larger of the unclipped and the clipped loss is taken sample by sample
        and head by head; only then come the means over the batch and over the heads.

        Args:
            outputs: Outputs of each head, ``(batch, n_outputs)``.
            targets: Scalar targets, ``(batch,)``.
            old_outputs: Outputs of each head before the update, of the same shapes.
            clip_range: Largest move of a prediction, in units of the target.

        Returns:
            The loss, a 0-d tensor.

        Raises:
            ValueError: If a shape or the number of outputs does not fit, or if only one of
                ``old_outputs`` and ``clip_range`` is given.
        """
        self._check_outputs(outputs, old_outputs, clip_range)
        losses = []
        for i, head in enumerate(self.critic_heads()):
            loss_b = head.loss(outputs[i], targets)
            if old_outputs is not None and clip_range is not None:
                clipped = head.clipped(outputs[i], old_outputs[i], clip_range)
                loss_b = torch.maximum(loss_b, head.loss(clipped, targets))
            losses.append(loss_b.mean())
        return losses[0] if len(losses) == 1 else (losses[0] + losses[1]) / 2

    def _check_outputs(
        self,
        outputs: tuple[Tensor, ...],
        old_outputs: tuple[Tensor, ...] | None,
        clip_range: float | None,
    ) -> None:
        """Accepts outputs of every head and, for clipping, old outputs of the same shapes."""
        if (old_outputs is None) != (clip_range is None):
            given = "without" if old_outputs is None else "with"
            raise ValueError(
                "expected old_outputs and clip_range together, "
                f"got clip_range={clip_range!r} {given} old_outputs"
            )
        for tuples in (outputs, outputs if old_outputs is None else old_outputs):
            if len(tuples) != len(self.heads):
                raise ValueError(f"expected outputs of {len(self.heads)} heads, got {len(tuples)}")
        if old_outputs is None or clip_range is None:
            return
        if not clip_range > 0.0:
            raise ValueError(f"expected a positive clip_range, got clip_range={clip_range!r}")
        for new, old in zip(outputs, old_outputs, strict=True):
            if new.shape != old.shape:
                raise ValueError(
                    f"expected old outputs of the shape of the outputs {tuple(new.shape)}, "
                    f"got old outputs {tuple(old.shape)}; apply the same mask to both"
                )

    def rescale(self, scale: float, shift: float) -> None:
        """Corrects every head so that its value ``v`` becomes ``v * scale + shift``."""
        for head in self.critic_heads():
            head.rescale(scale, shift)

    def adapt_support(self, targets: Tensor) -> None:
        """Makes room for targets ``(batch,)`` in every head that has a support."""
        for head in self.critic_heads():
            head.adapt_support(targets)


CRITICS: dict[str, type[ScalarHead] | type[QuantileHead] | type[CategoricalHead]] = {
    "scalar": ScalarHead,
    "quantile": QuantileHead,
    "categorical": CategoricalHead,
}


def head_class(critic: str | type[nn.Module]) -> type[Any]:
    """The class of the heads: one of `CRITICS` by name, or the user's own.

    Args:
        critic: A name of ``CRITICS``, or a ``torch.nn`` module class with the methods of
            ``CriticHead`` whose first argument is ``latent_dim``.

    Raises:
        ValueError: If the name is unknown.
        TypeError: If the class lacks methods of ``CriticHead``; they are listed.
    """
    if isinstance(critic, str):
        if critic in CRITICS:
            return CRITICS[critic]
        raise ValueError(
            f"critic={critic!r} is unknown: expected one of {sorted(CRITICS)}, or a class with "
            "the methods of resumeproof.algo.CriticHead"
        )
    expected = [name for name in vars(CriticHead) if not name.startswith("_")]
    if not (isinstance(critic, type) and issubclass(critic, nn.Module)):
        raise TypeError(
            f"expected critic to be one of {sorted(CRITICS)} or a torch.nn.Module class with "
            f"{expected}, got critic={critic!r} ({type(critic).__name__})"
        )
    missing = [name for name in expected if not callable(getattr(critic, name, None))]
    if missing:
        raise TypeError(
            f"critic={critic.__name__} has no {missing}: add them, as "
            "resumeproof.algo.CriticHead describes them"
        )
    return critic


def make_critic(
    kind: str | type[nn.Module],
    latent_dim: int,
    n_heads: int,
    critic_kwargs: Mapping[str, Any] | None,
    twin: str = "min",
) -> TwinCritic:
    """Builds the critic of a policy.

    Args:
        kind: A name of ``CRITICS``, or a head class; see ``head_class``.
        latent_dim: Size of the value network's latent.
        n_heads: 1 for a single critic, 2 for twins.
        critic_kwargs: Keyword arguments of the head beside ``latent_dim``.
        twin: "min" or "mean"; see ``TwinCritic``.

    Raises:
        ValueError: If the kind or a keyword is unknown; the valid names are in the message.
    """
    head, arguments = head_class(kind), dict(critic_kwargs or {})
    valid = [name for name in inspect.signature(head).parameters if name != "latent_dim"]
    unknown = sorted(set(arguments) - set(valid))
    if unknown:
        raise ValueError(
            f"unknown critic_kwargs {unknown} of critic {kind!r}; expected some of {valid}"
        )
    return TwinCritic(lambda: head(latent_dim, **arguments), n_heads, twin)
