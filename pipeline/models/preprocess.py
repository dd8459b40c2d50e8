"""From the stored face to a network's input: its own template, colour order and normalisation."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.faces.alignment import ARCFACE, align
from pipeline.models.backbone import Backbone


class Preprocess:
    """What one backbone expects: call it with a face, get the network's input."""

    def __init__(self, backbone: Backbone) -> None:
        self.template = backbone.template
        self.bgr = backbone.colour == "bgr"
        self.mean = torch.tensor(backbone.mean)[:, None, None]
        self.factor = 1 / torch.tensor(backbone.scale)[:, None, None]

    def __call__(self, crop: NDArray[np.uint8], landmarks: NDArray[np.float32]) -> Tensor:
        """The network's input.

        The crop is brought to the network's template by the similarity transform that its landmarks define, not by
        resizing: on ORL photographs dlib's network has an EER of 0.4 % this way and of 5.5 % on resized crops.

        Args:
            crop: uint8 [112, 112, 3], RGB, aligned to ArcFace's template.
            landmarks: float32 [5, 2], x and y in pixels of the crop.

        Returns:
            float32 [3, S, S].
        """
        face = crop if self.template is ARCFACE else align(crop, landmarks, self.template)
        # np.require: torch warns about arrays that cannot be written to, as decoders give them.
        pixels = torch.from_numpy(np.require(face, requirements="W")).permute(2, 0, 1).contiguous()
        x = pixels.float().sub_(self.mean).mul_(self.factor)
        return x.flip(0) if self.bgr else x
