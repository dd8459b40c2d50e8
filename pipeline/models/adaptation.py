"""What every adaptation is: a choice of what of a backbone is trained. This one, `none`, trains nothing."""

from __future__ import annotations

from torch import Tensor, nn

from pipeline.core.errors import SitterError, nearest
from pipeline.models.backbone import Backbone


class Adaptation:
    """Nothing is trained: the backbone stays frozen."""

    def adapt(self, backbone: Backbone) -> None:
        """Change the backbone in place so that exactly what shall be trained requires gradients."""
        backbone.requires_grad_(False)

    def initialise(self, backbone: Backbone, features: Tensor) -> None:
        """Closed-form start, once before the first step.

        Args:
            backbone: adapted.
            features: [n, …] outputs of the frozen prefix (`backbone.stages[:frozen_prefix(backbone)]`) on the
                training images. Only asked for where `wants_features` is true.
        """

    wants_features: bool = False
    """Whether `initialise` has to be called with the training images' features."""

    def penalty(self, backbone: Backbone) -> Tensor:
        """A scalar that is added to the loss at each step."""
        return next(backbone.parameters()).new_zeros(())

    def merge(self, backbone: Backbone) -> None:
        """Fold what was added into the network's own weights where that is possible, for inference."""


def layers_with(roles: list[str] | None, backbone: Backbone, stages: int | None, what: str) -> list[str]:
    """Full names of the linear and convolutional layers that have given roles, in the order of the forward pass.

    Args:
        roles: of the backbone's; None: all that it has.
        backbone: not adapted yet.
        stages: only those in the last so many stages that hold such layers; None: in all.
        what: the kind of adaptation, named in errors.

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
