"""Actor-critic policies whose value network is a distributional, optionally twin, critic.

They take the place of Stable-Baselines3's policies of the same kind. For the two commonest action
distributions the pass builds no ``Distribution`` object, which is most of the cost of SB3's.
"""

import copy
import math
from functools import partial
from typing import Any, ClassVar, TypeGuard, cast

import torch
from gymnasium import spaces
from stable_baselines3.common.distributions import (
    CategoricalDistribution,
    DiagGaussianDistribution,
    Distribution,
    StateDependentNoiseDistribution,
)
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.torch_layers import (
    BaseFeaturesExtractor,
    CombinedExtractor,
    FlattenExtractor,
    MlpExtractor,
    NatureCNN,
)
from stable_baselines3.common.type_aliases import PyTorchObs, Schedule
from torch import Tensor, nn

from .actions import act_categorical, act_gaussian, score_categorical, score_gaussian
from .critics import TwinCritic, make_critic
from .layers import has_hooks, run_layer, run_layers


class DistributionalActorCriticPolicy(ActorCriticPolicy):
    """SB3's actor-critic policy with a ``TwinCritic`` as its ``value_net``.

    Every argument and attribute of ``ActorCriticPolicy`` works. Values are in the critic's own
    units: where returns are normalised, the algorithm turns them back.

    Args:
        observation_space: Space of the observations.
        action_space: Space of the actions.
        lr_schedule: Learning rate by remaining progress; its value at 1 is the first.
        features_extractor_class: Extractor; None for the one of this class.
        critic: "quantile", "categorical", "scalar", or a class with the methods of
            ``CriticHead``.
        twin_critics: Two heads instead of one.
        critic_kwargs: Keyword arguments of the head.
        twin: "min" or "mean" of the values of two heads.

    Raises:
        ValueError: If the critic or one of its keywords is unknown.

    Source: stable_baselines3/common/policies.py, ``ActorCriticPolicy``, for the arguments that
        are not listed here.
    """

    DEFAULT_EXTRACTOR: ClassVar[type[BaseFeaturesExtractor]] = FlattenExtractor
    value_net: TwinCritic  # type: ignore[assignment]

    def __init__(
        self,
        observation_space: spaces.Space[Any],
        action_space: spaces.Space[Any],
        lr_schedule: Schedule,
        net_arch: list[int] | dict[str, list[int]] | None = None,
        activation_fn: type[nn.Module] = nn.Tanh,
        ortho_init: bool = True,
        use_sde: bool = False,
        log_std_init: float = 0.0,
        full_std: bool = True,
        use_expln: bool = False,
        squash_output: bool = False,
        features_extractor_class: type[BaseFeaturesExtractor] | None = None,
        features_extractor_kwargs: dict[str, Any] | None = None,
        share_features_extractor: bool = True,
        normalize_images: bool = True,
        optimizer_class: type[torch.optim.Optimizer] = torch.optim.Adam,
        optimizer_kwargs: dict[str, Any] | None = None,
        *,
        critic: str | type[nn.Module] = "quantile",
        twin_critics: bool = True,
        critic_kwargs: dict[str, Any] | None = None,
        twin: str = "min",
    ) -> None:
        # SB3's constructor calls _build, which needs these
        self.critic, self.critic_kwargs = critic, dict(critic_kwargs or {})
        self.twin_critics, self.twin = twin_critics, twin
        self._sde_options = {"full_std": full_std, "use_expln": use_expln}
        super().__init__(
            observation_space,
            action_space,
            lr_schedule,
            net_arch=net_arch,
            activation_fn=activation_fn,
            ortho_init=ortho_init,
            use_sde=use_sde,
            log_std_init=log_std_init,
            full_std=full_std,
            use_expln=use_expln,
            squash_output=squash_output,
            features_extractor_class=features_extractor_class or self.DEFAULT_EXTRACTOR,
            features_extractor_kwargs=features_extractor_kwargs,
            share_features_extractor=share_features_extractor,
            normalize_images=normalize_images,
            optimizer_class=optimizer_class,
            optimizer_kwargs=optimizer_kwargs,
        )

    def _build(self, lr_schedule: Schedule) -> None:
        """Creates the networks and, once, the optimizer over exactly their parameters."""
        self._build_mlp_extractor()
        self._build_action_net()
        self.value_net = make_critic(
            self.critic,
            self.mlp_extractor.latent_dim_vf,
            2 if self.twin_critics else 1,
            self.critic_kwargs,
            self.twin,
        )
        if self.ortho_init:
            self._init_orthogonal()
        options = {"lr": lr_schedule(1), **self.optimizer_kwargs}
        self.optimizer = self.optimizer_class(self.parameters(), **options)

    def _build_action_net(self) -> None:
        arguments: dict[str, Any] = {"latent_dim": self.mlp_extractor.latent_dim_pi}
        if isinstance(self.action_dist, DiagGaussianDistribution | StateDependentNoiseDistribution):
            arguments["log_std_init"] = self.log_std_init
        # gSDE draws its first exploration matrices here; they must not keep a graph alive
        with torch.no_grad():
            built = self.action_dist.proba_distribution_net(**arguments)
        if isinstance(built, tuple):
            self.action_net, self.log_std = built
        else:
            self.action_net = built

    def _init_orthogonal(self) -> None:
        extractors = dict.fromkeys((self.pi_features_extractor, self.vf_features_extractor))
        gains: list[tuple[nn.Module, float]] = [(e, math.sqrt(2.0)) for e in extractors]
        gains += [(self.mlp_extractor, math.sqrt(2.0)), (self.action_net, 0.01)]
        gains += [(head, 1.0) for head in self.value_net.heads]
        for module, gain in gains:
            module.apply(partial(self.init_weights, gain=gain))

    def _get_constructor_parameters(self) -> dict[str, Any]:
        data = super()._get_constructor_parameters()
        # SB3 leaves the first out, and stores None for the others where gSDE is off
        data["share_features_extractor"] = self.share_features_extractor
        data["squash_output"] = self.squash_output
        data |= self._sde_options
        own = ("critic", "twin_critics", "critic_kwargs", "twin")
        return data | {name: getattr(self, name) for name in own}

    def reset_noise(self, n_envs: int = 1) -> None:
        """Draws new gSDE exploration matrices, which keep no graph of the draw alive."""
        with torch.no_grad():
            super().reset_noise(n_envs)

    def _get_action_dist_from_latent(self, latent_pi: Tensor) -> Distribution:
        # a distribution kept on the policy would be hidden state, and its graph forbids deepcopy
        own = self.action_dist
        self.action_dist = copy.copy(own)
        try:
            return super()._get_action_dist_from_latent(latent_pi)
        finally:
            self.action_dist = own

    def _is_lean(self, distribution: type[Distribution]) -> bool:
        """Whether actions follow exactly this distribution, and no subclass changes how."""
        own = DistributionalActorCriticPolicy._get_action_dist_from_latent
        lean = type(self.action_dist) is distribution
        return lean and type(self)._get_action_dist_from_latent is own

    def _is_plain(self, obs: PyTorchObs) -> TypeGuard[Tensor]:
        """Whether the features are the observation itself and the networks are SB3's own.

        Everything else, images and hooks on the skipped modules included, takes SB3's way.
        """
        extractor, mlp = self._modules["features_extractor"], self._modules["mlp_extractor"]
        space = self.observation_space
        return (
            type(extractor) is FlattenExtractor
            and type(mlp) is MlpExtractor
            and type(space) is spaces.Box
            and len(space.shape) == 1
            and isinstance(obs, Tensor)
            and obs.dim() == 2
            and self.share_features_extractor
            and type(self).extract_features is ActorCriticPolicy.extract_features
            and not (has_hooks(extractor) or has_hooks(mlp))
        )

    def _latents(self, obs: PyTorchObs) -> tuple[Tensor, Tensor]:
        """Latents of the actor and of the critic, ``(batch, latent_dim)`` each."""
        if self._is_plain(obs):
            inputs, mlp = obs.float(), self.mlp_extractor
            return run_layers(mlp.policy_net, inputs), run_layers(mlp.value_net, inputs)
        features, mlp = self.extract_features(cast(Tensor, obs)), self.mlp_extractor
        if self.share_features_extractor:
            return cast(tuple[Tensor, Tensor], mlp(features))
        pi_features, vf_features = features
        return mlp.forward_actor(pi_features), mlp.forward_critic(vf_features)

    def _act(self, latent_pi: Tensor, deterministic: bool) -> tuple[Tensor, Tensor]:
        """Actions and their log-probabilities, ``(batch,)``."""
        if self._is_lean(CategoricalDistribution):
            return act_categorical(run_layer(self.action_net, latent_pi), deterministic)
        if self._is_lean(DiagGaussianDistribution):
            mean = run_layer(self.action_net, latent_pi)
            return act_gaussian(mean, self.log_std, deterministic)
        distribution = self._get_action_dist_from_latent(latent_pi)
        actions = distribution.get_actions(deterministic=deterministic)
        return actions, distribution.log_prob(actions)

    def forward(self, obs: Tensor, deterministic: bool = False) -> tuple[Tensor, Tensor, Tensor]:
        """Chooses actions and predicts values.

        Args:
            obs: Observations, with a batch dimension.
            deterministic: Take the most likely action instead of drawing one.

        Returns:
            Actions ``(batch, *action_shape)``, values ``(batch, 1)`` in the critic's units, and
            log-probabilities of the actions ``(batch,)``.

        Raises:
            ValueError: If a log-probability is not finite.
        """
        latent_pi, latent_vf = self._latents(obs)
        values = self.value_net.value(self.value_net(latent_vf))
        actions, log_prob = self._act(latent_pi, deterministic)
        # one sum instead of a test of every element: this is the innermost call of a rollout
        if not math.isfinite(log_prob.sum().item()):
            raise ValueError(
                f"expected finite log-probabilities of the actions, got {log_prob.tolist()}; "
                "the observations or the weights are not finite"
            )
        shape = cast(tuple[int, ...], self.action_space.shape)
        return actions.reshape((-1, *shape)), values.unsqueeze(1), log_prob

    def critic_outputs(self, obs: PyTorchObs) -> tuple[Tensor, ...]:
        """Outputs of each critic head for the observations, ``(batch, n_outputs)`` each."""
        features = super(ActorCriticPolicy, self).extract_features(obs, self.vf_features_extractor)
        outputs = self.value_net(self.mlp_extractor.forward_critic(features))
        return cast(tuple[Tensor, ...], outputs)

    def predict_values(self, obs: PyTorchObs) -> Tensor:
        """Values of the observations in the critic's units, ``(batch, 1)``."""
        return self.value_net.value(self.critic_outputs(obs)).unsqueeze(1)

    def evaluate(
        self, obs: PyTorchObs, actions: Tensor
    ) -> tuple[tuple[Tensor, ...], Tensor, Tensor | None]:
        """Evaluates given actions, with everything that a loss of the critic needs.

        Args:
            obs: Observations, with a batch dimension.
            actions: Actions as the rollout holds them: ``(batch,)`` for Discrete, else
                ``(batch, n_dimensions)``.

        Returns:
            Outputs of each critic head ``(batch, n_outputs)``, log-probabilities ``(batch,)`` and
            entropies ``(batch,)``, or None where the entropy has no closed form.

        Raises:
            ValueError: If the actions have another shape.
        """
        latent_pi, latent_vf = self._latents(obs)
        return self.value_net(latent_vf), *self._score(latent_pi, actions)

    def evaluate_actions(
        self, obs: PyTorchObs, actions: Tensor
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """As ``evaluate``, with values ``(batch, 1)`` in place of the critic's outputs."""
        outputs, log_prob, entropy = self.evaluate(obs, actions)
        return self.value_net.value(outputs).unsqueeze(1), log_prob, entropy

    def _score(self, latent_pi: Tensor, actions: Tensor) -> tuple[Tensor, Tensor | None]:
        """Log-probabilities and entropies of given actions, ``(batch,)`` each."""
        if self._is_lean(CategoricalDistribution):
            return score_categorical(run_layer(self.action_net, latent_pi), actions)
        if self._is_lean(DiagGaussianDistribution):
            return score_gaussian(run_layer(self.action_net, latent_pi), self.log_std, actions)
        distribution = self._get_action_dist_from_latent(latent_pi)
        return distribution.log_prob(actions), distribution.entropy()


class DistributionalActorCriticCnnPolicy(DistributionalActorCriticPolicy):
    """The policy for images: ``NatureCNN`` extracts the features unless another is given."""

    DEFAULT_EXTRACTOR = NatureCNN


class DistributionalMultiInputActorCriticPolicy(DistributionalActorCriticPolicy):
    """The policy for Dict observations: ``CombinedExtractor`` unless another is given."""

    DEFAULT_EXTRACTOR = CombinedExtractor
