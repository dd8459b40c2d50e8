"""The margins of SphereFace, ArcFace and CosFace in one loss."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pipeline.losses.margin import MarginSoftmax, advanced
from pipeline.params.losses.combined_margin import CombinedMarginOptions


class CombinedMargin(MarginSoftmax):
    """Combined margin: cross-entropy of s·cos θ_j, with s·(cos(m1 θ_y + m2) − m3) for the sample's own sitter y.

    (1, m, 0) is ArcFace, and (1, 0, m) is CosFace. With m1 = 1, cos θ_y − m2 sin m2 replaces the cosine where θ_y + m2
    would pass π, as in ArcFace. With another m1, the cosine of φ = m1 θ_y + m2 is continued beyond π as in SphereFace:
    (−1)^k cos φ − 2k, k = ⌊φ/π⌋, which is continuous and keeps falling. The angle is computed from the unit vectors by
    θ = 2 arctan(‖x − w‖ / ‖x + w‖), which is exact at 0 and π.

    Deng, Guo, Xue, Zafeiriou: ArcFace: Additive Angular Margin Loss for Deep Face Recognition, CVPR 2019
    (arXiv 1801.07698), section 2.3 and table 2; Liu et al.: SphereFace, CVPR 2017 (arXiv 1704.08063).
    """

    def __init__(self, dim: int, sitters: int, options: CombinedMarginOptions) -> None:
        super().__init__(dim, sitters, options)
        self.m1, self.m2, self.m3 = options.m1, options.m2, options.m3

    def own(self, embeddings: Tensor, x: Tensor, centres: Tensor) -> Tensor:
        """Return cos(m1 θ + m2) − m3, float [n]; see `MarginSoftmax`."""
        if self.m1 == 1:
            return advanced(x, centres, self.m2) - self.m3
        apart, together = (torch.linalg.vector_norm(v, dim=1) for v in (x - centres, x + centres))
        angle = self.m1 * 2 * torch.atan2(apart, together) + self.m2
        turns = (angle.detach() / math.pi).floor()
        return torch.where(turns % 2 == 0, 1.0, -1.0) * angle.cos() - 2 * turns - self.m3
