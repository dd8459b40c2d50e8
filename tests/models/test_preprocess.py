"""From the stored face to a network's input: geometry, colours, numbers."""

from __future__ import annotations

import pickle
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from skimage import data, transform

from pipeline.core.alignment import ARCFACE
from pipeline.models.backbones.dlib_resnet29 import DlibResNet29
from pipeline.models.preprocess import Preprocess
from pipeline.params.backbones.efficientnet_lite0 import EfficientNetLite0Options

CROP = np.ascontiguousarray(data.astronaut()[40:152, 160:272])


def network(template=ARCFACE, colour="rgb", mean=(0.0, 0.0, 0.0), scale=(1.0, 1.0, 1.0)):
    return SimpleNamespace(template=template, colour=colour, mean=mean, scale=scale)


def test_a_network_with_arcfaces_template_gets_the_stored_pixels_themselves():
    x = Preprocess(network(mean=(127.5,) * 3, scale=(127.5,) * 3))(CROP, ARCFACE.points)
    assert x.shape == (3, 112, 112)
    np.testing.assert_allclose(x.numpy(), (CROP.transpose(2, 0, 1) - 127.5) / 127.5, atol=1e-6)


def test_mean_and_scale_are_given_in_rgb_and_the_channels_then_turned():
    x = Preprocess(network(colour="bgr", mean=(1.0, 2.0, 3.0), scale=(1.0, 2.0, 4.0)))(CROP, ARCFACE.points)
    red, green, blue = CROP.transpose(2, 0, 1).astype(np.float32)
    np.testing.assert_allclose(x.numpy(), [(blue - 3) / 4, (green - 2) / 2, red - 1], atol=1e-6)


def test_another_template_is_reached_by_the_similarity_of_the_landmarks():
    template = DlibResNet29.template
    landmarks = ARCFACE.points + np.random.default_rng(1).normal(0, 3, (5, 2)).astype(np.float32)
    x = Preprocess(network(template))(CROP, landmarks).numpy().transpose(1, 2, 0)
    similarity = transform.SimilarityTransform.from_estimate(landmarks, template.points)
    expected = transform.warp(CROP, similarity.inverse, output_shape=(150, 150), order=1, preserve_range=True)
    assert x.shape == (150, 150, 3)
    assert np.abs(x - expected)[5:-5, 5:-5].mean() < 1


@pytest.mark.parametrize("colour", ["rgb", "bgr"])
def test_a_batch_of_pixels_is_normalised_to_the_bits_of_its_faces_alone(colour):
    prepare = Preprocess(network(DlibResNet29.template, colour, (122.782, 117.001, 104.298), (58.1, 57.3, 256.0)))
    landmarks = ARCFACE.points + np.random.default_rng(1).normal(0, 3, (4, 5, 2)).astype(np.float32)
    pixels = torch.from_numpy(np.stack([prepare.pixels(CROP, points) for points in landmarks]))
    alone = [prepare(CROP, points) for points in landmarks]
    found = prepare.normalise(pixels)
    assert torch.equal(found, torch.stack(alone))
    assert found.is_contiguous()
    assert len({x.sum().item() for x in alone}) == 4


def test_in_a_worker_of_a_loader_the_stored_pixels_are_still_taken_as_they_are():
    prepare = pickle.loads(pickle.dumps(Preprocess(network())))
    other = ARCFACE.points + 5
    assert np.array_equal(prepare.pixels(CROP, other), CROP)


def test_a_crop_that_cannot_be_written_to_is_taken_without_a_warning(recwarn):
    crop = CROP.copy()
    crop.setflags(write=False)
    Preprocess(network())(crop, ARCFACE.points)
    assert not recwarn.list


@pytest.mark.parametrize("size", [160, 224])
def test_a_larger_side_is_the_same_face_enlarged(size):
    from pipeline.models.backbones.efficientnet_lite0 import EfficientNetLite0

    x = Preprocess(network(EfficientNetLite0(EfficientNetLite0Options(size=size)).template))(CROP, ARCFACE.points)
    expected = transform.resize(CROP, (size, size), order=1, preserve_range=True, anti_aliasing=False)
    assert np.abs(x.numpy().transpose(1, 2, 0) - expected)[8:-8, 8:-8].mean() < 1
