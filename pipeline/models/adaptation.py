"""What every adaptation is: a choice of what of a backbone is trained. This one, `none`, trains nothing."""

from __future__ import annotations

from torch import Tensor

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
