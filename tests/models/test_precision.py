"""The precision of embedding: low where the vectors stay the same, float32 where they would not."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from pipeline.models.precision import FEWEST, LEAST_COSINE, choose_precision, in_precision, least_cosine


def vectors(spread: float, error: float) -> tuple[Tensor, Tensor]:
    """Vectors around a common direction, and the same with a relative error."""
    generator = torch.Generator().manual_seed(1)
    exact = 1 + spread * torch.randn(32, 64, generator=generator)
    return exact * (1 + error * torch.randn(32, 64, generator=generator)), exact


def test_equal_vectors_have_a_cosine_of_one() -> None:
    _, exact = vectors(1.0, 0)
    assert least_cosine(exact, exact) == pytest.approx(1, abs=1e-6)


def test_an_error_that_is_large_beside_the_differences_of_squeezed_vectors_is_seen() -> None:
    found, exact = vectors(spread=1e-3, error=1e-3)
    assert torch.nn.functional.cosine_similarity(found, exact).min() > LEAST_COSINE  # as they are, they seem the same
    assert least_cosine(found, exact) < 0.95
    assert least_cosine(*vectors(spread=1.0, error=1e-3)) > LEAST_COSINE


def test_a_cpu_and_a_handful_of_faces_keep_float32() -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(12, 4))
    assert choose_precision(network, torch.randn(FEWEST, 3, 2, 2)) == "fp32"


class Offset(nn.Module):
    """A convolution whose vectors lie around a common offset."""

    def __init__(self, offset: float) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.conv, self.offset = nn.Conv2d(3, 64, 8), offset

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x).flatten(1) + self.offset


@pytest.mark.parametrize("device", ["cuda"], indirect=True)
@pytest.mark.parametrize(("offset", "expected"), [(0.0, "fp16"), (1e5, "fp32")])
def test_a_gpu_takes_half_precision_only_where_the_vectors_stay(device: str, offset: float, expected: str) -> None:
    network, faces = Offset(offset).to(device).eval(), torch.randn(FEWEST, 3, 8, 8, device=device)
    assert choose_precision(network, faces) == expected
    with in_precision("fp16", faces.device), torch.inference_mode():
        assert network.conv(faces).dtype == torch.float16
