"""Turn a stored face into a network's input, with the network's own template, colour order and normalisation."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pipeline.core.alignment import ARCFACE, align
from pipeline.models.backbone import Backbone


class Normalise(nn.Module):
    """Turns the pixels of a batch into a network's input, on their device: minus the mean, divided by the scale."""

    mean: Tensor
    factor: Tensor

    def __init__(self, backbone: Backbone) -> None:
        super().__init__()
        self.bgr = backbone.colour == "bgr"
        self.register_buffer("mean", torch.tensor(backbone.mean)[:, None, None], persistent=False)
        self.register_buffer("factor", 1 / torch.tensor(backbone.scale)[:, None, None], persistent=False)

    def forward(self, pixels: Tensor) -> Tensor:
        """Map uint8 [B, S, S, 3], RGB, to float32 [B, 3, S, S]; on a GPU the channels of a pixel are adjacent."""
        # On a CPU the channels are separate, as in networks there: otherwise oneDNN crashes when small ones are
        # trained.
        order = torch.preserve_format if pixels.is_cuda else torch.contiguous_format
        x = pixels.permute(0, 3, 1, 2).to(torch.float32, memory_format=order)
        x = x.sub_(self.mean).mul_(self.factor)
        return x.flip(1) if self.bgr else x


class Preprocess:
    """The preprocessing of one backbone: call it with a face to get the network's input."""

    def __init__(self, backbone: Backbone) -> None:
        self.template = backbone.template
        self.as_stored = self.template is ARCFACE
        """Whether the network takes the stored crop as it is, whatever its landmarks. It is stored, because in another
        process ARCFACE is another object."""
        self.normalise = Normalise(backbone)

    def pixels(self, crop: NDArray[np.uint8], landmarks: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Return the face in the network's template: uint8 [S, S, 3], RGB.

        The crop is transformed by the similarity transform that its landmarks define, not by resizing: on ORL
        photographs, dlib's network has an EER of 0.4 % this way and of 5.5 % on resized crops.

        Args:
            crop: uint8 [112, 112, 3], RGB, aligned to ArcFace's template.
            landmarks: float32 [5, 2], x and y in pixels of the crop.
        """
        return crop if self.as_stored else align(crop, landmarks, self.template)

    def __call__(self, crop: NDArray[np.uint8], landmarks: NDArray[np.float32]) -> Tensor:
        """Return the network's input, float32 [3, S, S]; the arguments are as for `pixels`."""
        # np.require: torch warns about read-only arrays, which decoders return.
        pixels = torch.from_numpy(np.require(self.pixels(crop, landmarks), requirements="W"))
        x: Tensor = self.normalise(pixels[None])[0]
        return x
