"""Data augmentation for portraits, by torchvision's transforms; the result depends on seed, epoch and image alone."""

from __future__ import annotations

from typing import cast

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pipeline.params.augment import Augmentation

GREY = 128.0


class Augment:
    """Changes a face as `Augmentation` says.

    For the same seed, epoch and face, the result is the same in every worker and process, and after a resume.
    """

    def __init__(self, options: Augmentation) -> None:
        import pipeline.core.torchvision_ops  # noqa: F401, I001  (before torchvision)
        from torchvision.transforms import InterpolationMode, v2

        colours = v2.ColorJitter(brightness=0.4, contrast=0.4, saturation=0.4, hue=0.05)
        blurs = v2.RandomChoice([v2.GaussianBlur(kernel_size=9, sigma=(0.3, 2.0)), LowResolution()])
        affine = v2.RandomAffine(
            degrees=10, translate=(0.05, 0.05), scale=(0.9, 1.1), interpolation=InterpolationMode.BILINEAR
        )
        occlusion = v2.RandomErasing(p=options.occlusion, scale=(0.02, 0.2), value=GREY)
        # Changes of the painting come first, then the effects of its photograph and of its file.
        ways = [(affine, options.affine), (occlusion, 1.0), (colours, options.colour), (blurs, options.blur)]
        ways.append((JPEG(), options.jpeg))
        self.change = v2.Compose([v2.RandomApply([way], p) for way, p in ways])

    def __call__(self, pixels: NDArray[np.uint8], seed: int, epoch: int, image: int) -> NDArray[np.uint8]:
        """Return a face as it is changed in an epoch, uint8 [S, S, 3], RGB.

        Args:
            pixels: the face, uint8 [S, S, 3], RGB.
            seed: the seed of the training.
            epoch: the epoch, counted from 0.
            image: the number of the face among the training faces.
        """
        (state,) = np.random.SeedSequence([seed, epoch, image]).generate_state(1, np.uint64).tolist()
        before = torch.get_rng_state()
        try:
            torch.default_generator.manual_seed(state >> 1)  # torch.manual_seed would seed the GPUs, too
            changed: Tensor = self.change(torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1))))
        finally:
            torch.set_rng_state(before)
        found: NDArray[np.uint8] = changed.permute(1, 2, 0).contiguous().numpy()
        return found


class LowResolution(nn.Module):
    """Reduces an image to a quarter to three quarters of its resolution, and enlarges it again."""

    def forward(self, image: Tensor) -> Tensor:
        """Return the changed image; both are uint8 [3, S, S]."""
        from torchvision.transforms.v2 import functional

        size = list(image.shape[-2:])
        share = float(torch.empty(1).uniform_(0.25, 0.75))
        small = functional.resize(image, [max(1, round(side * share)) for side in size], antialias=True)
        return cast(Tensor, functional.resize(small, size, antialias=True))


class JPEG(nn.Module):
    """Compresses an image with a quality from 20 to 80, by OpenCV: torchvision's JPEG needs a library that may fail."""

    def forward(self, image: Tensor) -> Tensor:
        """Return the changed image; both are uint8 [3, S, S], RGB."""
        quality = int(torch.randint(20, 81, (1,)))
        bgr = np.ascontiguousarray(image.flip(0).permute(1, 2, 0).numpy())
        _, encoded = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
        decoded = cv2.imdecode(encoded, cv2.IMREAD_COLOR)
        return torch.from_numpy(decoded).permute(2, 0, 1).flip(0)
