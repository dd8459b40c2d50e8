from __future__ import annotations

import numpy as np
import pytest
from safetensors.numpy import save_file

from pipeline.core.errors import SitterError
from pipeline.core.numbers import unit
from pipeline.metrics import centres as centre_blocks
from pipeline.metrics import geometry as module
from pipeline.metrics.geometry import geometry
from pipeline.metrics.result import PairList
from pipeline.params.metrics.geometry import GeometryOptions
from pipeline.store.curves import NearestCentre, NearestHistogram, NearestMean
from tests.metrics.curves import curve
from tests.metrics.simulated import context, embedded

TEST = embedded("photos", 10, 4, seed=1)
TRAIN = embedded("other", 7, 5, seed=4)


def straightforward():
    x = unit(TEST.vectors)
    i, j = np.triu_indices(len(x), 1)
    same = np.array([TEST.sitters[a] == TEST.sitters[b] for a, b in zip(i, j, strict=True)])
    squared = ((x[i] - x[j]) ** 2).sum(axis=1)
    return x, i, j, same, squared


@pytest.mark.parametrize("block", [7, 1024])
def test_alignment_and_uniformity_are_those_of_wang_and_isola(block, monkeypatch):
    monkeypatch.setattr(module, "BLOCK", block)
    _, _, _, same, squared = straightforward()
    found = geometry(context(TEST), GeometryOptions(dataset="photos")).scalars
    assert found["alignment"].value == pytest.approx(squared[same].mean())
    assert found["uniformity"].value == pytest.approx(np.log(np.exp(-2 * squared).mean()), abs=1e-5)
    assert found["genuine_similarity"].value == pytest.approx(1 - squared[same].mean() / 2)
    assert found["impostor_similarity"].value == pytest.approx(1 - squared[~same].mean() / 2, abs=1e-5)
    for name in ("alignment", "uniformity", "impostor_similarity"):
        low, high = np.quantile(found[name].replicates, [0.01, 0.99])
        assert low < found[name].value < high


def test_many_sitters_are_resampled_in_groups(monkeypatch):
    many = context(embedded("many", 200, 3, seed=1), replicates=500)
    exact = geometry(many, GeometryOptions(dataset="many"))
    monkeypatch.setattr(module, "GROUPS", 60)
    grouped = geometry(many, GeometryOptions(dataset="many"))
    assert (exact.units, grouped.units) == (200, 60)
    for name in ("alignment", "uniformity", "impostor_similarity"):
        one, other = exact.scalars[name], grouped.scalars[name]
        assert one.value == pytest.approx(other.value, abs=1e-6)
        assert other.replicates.std() == pytest.approx(one.replicates.std(), rel=0.35), name


@pytest.mark.parametrize("block", [3, 1024])
def test_genuine_pairs_are_compared_with_the_nearest_centre_of_either_sort(block, monkeypatch):
    """The mean embeddings of training sitters, which every model has; the centres that a loss has learned."""
    monkeypatch.setattr(centre_blocks, "BLOCK", block)
    x, i, j, same, squared = straightforward()
    means = unit(np.array([unit(TRAIN.vectors)[5 * s : 5 * s + 5].mean(axis=0) for s in range(7)]))
    learned = unit(np.random.default_rng(5).normal(size=(11, x.shape[1])))
    cosine = 1 - squared[same] / 2
    found = geometry(context(TEST, train=(TRAIN,), learned=learned), GeometryOptions(dataset="photos", centres="other"))
    kinds: dict[str, type[NearestHistogram]] = {"mean": NearestMean, "centre": NearestCentre}
    for sort, centres in (("mean", means), ("centre", learned)):
        nearest = (x @ centres.T).max(axis=1)
        for side, images in (("a", i[same]), ("b", j[same])):
            assert found.scalars[f"nearest_{sort}_{side}"].value == pytest.approx(nearest[images].mean())
            assert found.scalars[f"closer_to_{sort}_{side}"].value == (nearest[images] > cosine).mean()
        angles = curve(found, kinds[sort])
        assert angles.name == f"nearest_{sort}"
        assert sum(angles.images) == len(x)
        assert np.average(np.asarray(angles.degrees_left) + 1, weights=angles.images) == pytest.approx(
            np.degrees(np.arccos(nearest)).mean(), abs=1
        )


def test_means_of_validation_images_stand_beside_those_of_training_images():
    val = embedded("other", 7, 3, seed=8)
    given = context(TEST, train=(TRAIN,), val=(val,))

    def figures(*subsets):
        return geometry(given, GeometryOptions(dataset="photos", centres="other", centres_from=subsets)).scalars

    x, i, _, same, squared = straightforward()
    means = unit(np.array([unit(val.vectors)[3 * s : 3 * s + 3].mean(axis=0) for s in range(7)]))
    nearest = (x @ means.T).max(axis=1)[i[same]]
    both = figures("train", "val")
    assert both["nearest_val_mean_a"].value == pytest.approx(nearest.mean())
    assert both["closer_to_val_mean_a"].value == (nearest > 1 - squared[same] / 2).mean()
    assert both["nearest_mean_a"].value == figures("train")["nearest_mean_a"].value
    assert "nearest_mean_a" not in figures("val")


def test_a_model_without_class_centres_is_measured_against_means_alone():
    found = geometry(context(TEST, train=(TRAIN,)), GeometryOptions(dataset="photos", centres="other"))
    assert "nearest_mean_a" in found.scalars
    assert not [name for name in (*found.scalars, *(one.name for one in found.curves)) if "centre" in name]


def test_learned_centres_are_read_from_a_models_folder_in_blocks(tmp_path, monkeypatch):
    """Those of sub-centres and of several losses, one after the other."""
    monkeypatch.setattr(centre_blocks, "BLOCK", 3)
    random = np.random.default_rng(1)
    sets = {"loss.losses.0.centres": random.normal(size=(7, 5)), "loss.losses.1.centres": random.normal(size=(4, 2, 5))}
    save_file({name: values.astype(np.float32) for name, values in sets.items()}, tmp_path / "centres.safetensors")
    blocks = list(centre_blocks.learned(tmp_path / "centres.safetensors"))
    assert max(map(len, blocks)) <= 2 * 3
    rows = np.concatenate([values.reshape(-1, 5) for values in sets.values()])
    assert np.concatenate(blocks) == pytest.approx(unit(rows), abs=1e-6)


def test_listed_pairs_are_the_only_genuine_ones():
    pairs = PairList(TEST, np.array([0, 4, 0]), np.array([1, 6, 9]), np.array([True, True, False]), np.array([0, 1, 1]))
    x = unit(TEST.vectors)
    found = geometry(context(TEST, pairs=pairs), GeometryOptions(dataset="photos", listed=True)).scalars
    assert found["genuine"].value == 2
    assert found["genuine_similarity"].value == pytest.approx((x[0] @ x[1] + x[4] @ x[6]) / 2)


def test_what_cannot_be_measured_is_said():
    single = geometry(context(embedded("single", 6, 1, seed=1)), GeometryOptions(dataset="single")).scalars
    assert single["alignment"].value is None
    assert "no genuine pair" in single["alignment"].note
    assert single["uniformity"].value is not None
    one = geometry(context(embedded("one", 1, 6, seed=1)), GeometryOptions(dataset="one")).scalars
    assert "no impostor pair" in one["impostor_similarity"].note
    with pytest.raises(SitterError, match="two images"):
        geometry(context(embedded("none", 0, 0, seed=1)), GeometryOptions(dataset="none"))
