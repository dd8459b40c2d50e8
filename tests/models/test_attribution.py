"""Attribution maps show the part of the face that the cosine comes from, in the frame of the crop."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from torch import nn

from pipeline.core.alignment import ARCFACE, Template
from pipeline.core.errors import SitterError
from pipeline.models.attribution import blurred, gradient, occlusion, vector
from pipeline.models.backbone import Backbone
from pipeline.models.load import Embedder
from pipeline.models.preprocess import Preprocess
from tests.faces_of_noise import face

LARGE = Template(ARCFACE.points * 1.5 + np.float32(6), 200)
"""Another template: larger, and moved."""
LANDMARKS = ARCFACE.points


class Eye(Backbone):
    """Sees nothing but a square about the left eye of its template, pixel by pixel."""

    mean, scale = (127.5,) * 3, (127.5,) * 3
    roles: dict = {}

    def __init__(self, template: Template) -> None:
        super().__init__()
        self.template, self.side = template, template.size // 14
        x, y = (round(float(v)) for v in template.points[0])
        self.place = (slice(y - self.side, y + self.side), slice(x - self.side, x + self.side))
        self.stages = nn.Sequential()
        self.dim = 3 * (2 * self.side) ** 2

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x[:, :, self.place[0], self.place[1]].flatten(1)


def embedder(network: Backbone, mirror: bool = False) -> Embedder:
    network.eval().requires_grad_(False)
    return Embedder("m", network, Preprocess(network), network.dim, mirror, torch.device("cpu"))


def mixed() -> Backbone:
    """Convolutions and a linear layer, at random: every pixel counts."""
    torch.manual_seed(1)
    network = Backbone()
    network.template, network.mean, network.scale, network.dim = ARCFACE, (127.5,) * 3, (127.5,) * 3, 8
    convolution = nn.Conv2d(3, 6, 9, 4)
    network.stages = nn.Sequential(convolution, nn.Tanh(), nn.AdaptiveAvgPool2d(5), nn.Flatten(), nn.Linear(150, 8))
    return network


@pytest.mark.parametrize("mirror", [False, True])
def test_occlusion_is_the_fall_of_the_cosine_pixel_by_pixel(mirror: bool) -> None:
    model, crop, other = embedder(mixed(), mirror), face(1), vector(embedder(mixed(), mirror), face(2), LANDMARKS)
    found = occlusion(model, crop, LANDMARKS, other, patch=40, stride=30, batch=3)

    def cosine(image: np.ndarray) -> float:
        x = (torch.from_numpy(image.copy()).permute(2, 0, 1)[None].float() - 127.5) / 127.5
        e = model.module(x) + (model.module(x.flip(3)) if mirror else 0)
        return float(torch.cosine_similarity(e, other[None]))

    corners = [(y, x) for y in (0, 30, 60, 72) for x in (0, 30, 60, 72)]
    hidden, drops = blurred(crop), {}
    for y, x in corners:
        image = crop.copy()
        image[y : y + 40, x : x + 40] = hidden[y : y + 40, x : x + 40]
        drops[y, x] = cosine(crop) - cosine(image)
    for py, px in [(0, 0), (35, 35), (65, 50), (111, 111), (75, 10)]:
        over = [d for (y, x), d in drops.items() if y <= py < y + 40 and x <= px < x + 40]
        assert found[py, px] == pytest.approx(np.mean(over), abs=1e-5)
    assert np.abs(found).max() > 1e-3


def test_occlusion_does_not_hang_on_the_batch() -> None:
    model, other = embedder(mixed()), vector(embedder(mixed()), face(2), LANDMARKS)
    one, many = (occlusion(model, face(1), LANDMARKS, other, 32, 16, batch) for batch in (1, 64))
    np.testing.assert_allclose(one, many, atol=1e-6)


@pytest.mark.parametrize("template", [ARCFACE, LARGE])
def test_maps_point_at_what_the_model_sees_whatever_its_template(template: Template) -> None:
    model = embedder(Eye(template))
    crop = face(3)
    other = vector(model, crop, LANDMARKS)
    hidden = occlusion(model, crop, LANDMARKS, other, patch=8, stride=4, batch=64)
    slopes, _ = gradient(model, crop, LANDMARKS, other, steps=32, batch=8)
    eye = LANDMARKS[0]
    y, x = np.mgrid[:112, :112]
    for found in (hidden, slopes):
        weight = np.abs(found) / np.abs(found).sum()
        centre = np.array([(weight * x).sum(), (weight * y).sum()])
        assert np.linalg.norm(centre - eye) < 3
        assert np.abs(found[76:]).max() < 1e-5, "nothing below the eyes counts"
        assert found.sum() > 0, "the same face: all of it speaks for one person"


@pytest.mark.parametrize("mirror", [False, True])
def test_integrated_gradients_add_up_to_the_change_of_the_cosine(mirror: bool) -> None:
    """The axiom of completeness (Sundararajan et al. 2017)."""
    model, crop = embedder(mixed(), mirror), face(1)
    other = vector(model, face(2), LANDMARKS)
    _, total = gradient(model, crop, LANDMARKS, other, steps=128, batch=50)
    with_face, without = (float(vector(model, image, LANDMARKS) @ other) for image in (crop, blurred(crop)))
    assert abs(with_face - without) > 0.01
    assert total == pytest.approx(with_face - without, abs=1e-4)


def test_a_blurred_face_keeps_its_light_and_loses_its_features() -> None:
    crop = np.full((112, 112, 3), 120, np.uint8)
    cv2.circle(crop, (38, 51), 4, (0, 0, 0), -1)
    assert abs(float(blurred(crop).mean()) - float(crop.mean())) < 1.5
    assert int(blurred(crop).min()) > 100


def test_a_model_without_gradients_is_told_so() -> None:
    class Foreign(Eye):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return super().forward(x.detach())

    model = embedder(Foreign(ARCFACE))
    other = vector(model, face(2), LANDMARKS)
    with pytest.raises(SitterError, match=r"gives no gradients: set explain\.method: occlusion"):
        gradient(model, face(1), LANDMARKS, other, steps=8, batch=8)
