"""A map keeps neighbours together, is the same in every run, and says how far it can be believed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipeline.core.errors import SitterError
from pipeline.metrics.embedding_map import embedding_map
from pipeline.metrics.result import Context, Embedded
from pipeline.params.metrics.embedding_map import EmbeddingMapOptions
from pipeline.reporting.maps import maps
from pipeline.reporting.series import Series
from pipeline.store.benchmarks import Benchmark
from pipeline.store.curves import EmbeddingMap, Placed
from tests.metrics.curves import curve
from tests.metrics.simulated import context


def images(sitters: int = 9, each: int = 8) -> Context:
    """Sitters far apart, each with images close to each other, and one artist for every three sitters."""
    rng = np.random.default_rng(3)
    people = np.repeat(rng.normal(size=(sitters, 32)), each, axis=0)
    names = [f"s{n // each}" for n in range(sitters * each)]
    ids = [f"{name}/{n}" for n, name in enumerate(names)]
    vectors = (people + rng.normal(size=people.shape) * 0.1).astype(np.float32)
    artists = {
        i: f"artist {int(name[1:]) // 3}" if name != "s0" else "unknown" for i, name in zip(ids, names, strict=True)
    }
    return replace(context(Embedded("art", ids, names, ids, vectors)), column=lambda dataset, name: artists)


def options(**given: object) -> EmbeddingMapOptions:
    return EmbeddingMapOptions(dataset="art", **given)  # type: ignore[arg-type]


def test_images_of_a_sitter_lie_together_and_every_run_gives_the_same() -> None:
    found = embedding_map(images(), options(colour=("sitter", "artist")))
    again = embedding_map(images(), options(colour=("sitter", "artist")))
    place = curve(found, EmbeddingMap)
    assert np.array_equal(place.x, curve(again, EmbeddingMap).x)
    assert np.array_equal(place.y, curve(again, EmbeddingMap).y)
    assert found.scalars["same_sitter_nearest"].value == 1
    assert found.scalars["same_sitter_nearest_in_map"].value == 1
    assert found.scalars["trustworthiness"].value > 0.9
    assert set(place.values["artist"]) == {"", "artist 0", "artist 1", "artist 2"}
    apart = np.stack([place.x, place.y], 1)
    own = np.array(place.values["sitter"])
    middle = {name: apart[own == name].mean(0) for name in set(own)}
    nearest = [min(middle, key=lambda name: float(np.linalg.norm(point - middle[name]))) for point in apart]
    assert nearest == list(own)


def test_what_says_nothing_is_believed_less() -> None:
    noise = np.random.default_rng(1).normal(size=(72, 32)).astype(np.float32)
    shown = images()
    embedded = shown.embedded("art", "test")
    other = replace(shown, embedded=lambda dataset, subset: replace(embedded, vectors=noise))
    found, sure = embedding_map(other, options()), embedding_map(shown, options())
    assert found.scalars["trustworthiness"].value < sure.scalars["trustworthiness"].value
    assert found.scalars["same_sitter_nearest"].value < 0.5


def test_of_many_images_a_sample_is_shown_and_of_few_there_is_no_map() -> None:
    found = embedding_map(images(), options(at_most=20))
    assert len(curve(found, EmbeddingMap).x) == found.scalars["images"].value == 20
    with pytest.raises(SitterError, match="needs 10 images at least, but there are 6"):
        embedding_map(images(sitters=2, each=3), options())


def test_the_commonest_values_are_coloured_and_the_others_counted() -> None:
    places = [Placed(n, n % 7, {"sitter": f"s{n % 9}" if n % 10 else ""}) for n in range(90)]
    benchmark = Benchmark("map", "embedding-map", "art", "art", {}, {"m": {}}, maps={"m": places})
    (found,) = maps(benchmark, {"m": Series("m", "frozen", 0)})
    assert (found.column, len(found.legend), found.more) == ("sitter", 7, 2)
    ((_, chart),) = found.pictures
    svg = chart.__html__()
    assert svg.count("h0") == 90
    assert "all others" in svg
    assert maps(Benchmark("x", "kfold", "a", "a", {}, {"m": {}}), {"m": Series("m", "frozen", 0)}) == []
