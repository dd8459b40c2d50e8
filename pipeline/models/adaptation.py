"""The base class of adaptations, which choose the trained parts of a backbone. As kind `none`, it trains nothing."""

from __future__ import annotations

from torch import Tensor, nn

from pipeline.core.errors import SitterError, nearest
from pipeline.models.backbone import Backbone


class Adaptation:
    """Train nothing: the backbone stays frozen."""

    def adapt(self, backbone: Backbone) -> None:
        """Change the backbone in place so that exactly the trained parameters require gradients."""
        backbone.requires_grad_(False)

    def initialise(self, backbone: Backbone, features: Tensor) -> None:
        """Initialise parameters in closed form, once before the first step.

        Args:
            backbone: the adapted backbone.
            features: [n, …], outputs of the frozen prefix (`backbone.stages[:frozen_prefix(backbone)]`) on the training
                images. They are only computed if `wants_features` is true.
        """

    wants_features: bool = False
    """Whether `initialise` has to be called with the training images' features."""

    def penalty(self, backbone: Backbone) -> Tensor:
        """Return a scalar that is added to the loss at each step."""
        return next(backbone.parameters()).new_zeros(())

    def merge(self, backbone: Backbone) -> None:
        """Merge added parameters into the network's own weights for inference, where that is possible."""


def layers_with(roles: list[str] | None, backbone: Backbone, stages: int | None, what: str) -> list[str]:
    """Return the full names of the linear and convolutional layers with given roles, in the order of the forward pass.

    Args:
        roles: some of the backbone's roles; None: all of them.
        backbone: the backbone before its adaptation.
        stages: of the stages with such layers, use only the last `stages`; None: use all.
        what: the kind of adaptation, for messages.

    Raises:
        SitterError: the backbone has no layer with such a role.
    """
    known = {
        role: [
            name
            for name, module in backbone.named_modules()
            if f".{name}".endswith(tuple(f".{ending}" for ending in endings))
            and isinstance(module, nn.Linear | nn.Conv2d)
        ]
        for role, endings in backbone.roles.items()
    }
    known = {role: names for role, names in known.items() if names}
    for role in known if roles is None else roles:
        if role not in known:
            raise SitterError(
                f"adaptation {what}: {type(backbone).__name__} has no layers with the role {role!r}; "
                f"{nearest(role, known)}"
            )
    if not known:
        raise SitterError(
            f"adaptation {what}: {type(backbone).__name__} has no layers that can be trained; use `kind: head`."
        )
    chosen = {name for role, names in known.items() if roles is None or role in roles for name in names}
    layers = [name for name, _ in backbone.named_modules() if name in chosen]
    late = list(dict.fromkeys(name.split(".")[1] for name in layers))[-(stages or 0) :]
    return [name for name in layers if name.split(".")[1] in late]
