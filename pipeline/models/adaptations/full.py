"""Train everything."""

from __future__ import annotations

from pipeline.models.adaptation import Adaptation
from pipeline.models.backbone import Backbone


class Full(Adaptation):
    """Train all parameters, except those that the backbone itself keeps frozen."""

    def adapt(self, backbone: Backbone) -> None:
        """Leave `requires_grad` as the backbone's constructor has set it."""
