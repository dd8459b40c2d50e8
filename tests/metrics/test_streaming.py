"""Streamed pairs give the error rates of the same pairs counted one by one, wherever their scores lie."""

from __future__ import annotations

import dataclasses
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.metrics import all_pairs as module
from pipeline.metrics import streaming
from pipeline.metrics.all_pairs import all_pairs
from pipeline.metrics.bins import MOST, fitted, is_resolved
from pipeline.metrics.result import Embedded, Result, Scored
from pipeline.metrics.verification import Roc, eer, roc, tally, tar_at_far
from pipeline.params.metrics.all_pairs import AllPairsOptions
from pipeline.store.curves import RocCurve, ScoreHistogram
from tests.metrics.curves import curve
from tests.metrics.simulated import context

FARS = (0.1, 0.01, 0.001)
SITTERS, IMAGES = 80, 5


def people(vectors: np.ndarray) -> Embedded:
    """These vectors, of sitters with five images each."""
    ids = [f"i{n}" for n in range(len(vectors))]
    return Embedded("x", ids, [f"s{n // IMAGES}" for n in range(len(vectors))], ids, vectors.astype(np.float32))


def shaped(shape: str, dimension: int, seed: int) -> np.ndarray:
    """Vectors [400, d] whose cosines lie as the word says."""
    rng = np.random.default_rng([seed, dimension])
    n = SITTERS * IMAGES
    sitter = np.arange(n) // IMAGES
    own, noise = rng.normal(size=(SITTERS, dimension))[sitter], rng.normal(size=(n, dimension))
    spread, centre = own + noise, 2 * rng.normal(size=dimension)
    word, _, size = shape.partition(" ")
    if word == "squeezed":
        return centre + float(size) * spread
    if word == "bimodal":
        return np.where((sitter % 2)[:, None], centre, -centre) + float(size) * spread
    if word == "strays":
        return np.where((np.arange(n) % 50 == 0)[:, None], spread, centre + 1e-3 * spread)
    if word == "same":
        return np.where((rng.random(n) < 0.3)[:, None], spread[0], spread)
    if word == "whole":
        return rng.integers(-1, 2, (n, dimension)) + np.eye(dimension)[0] * 3
    if word == "orthogonal":
        return np.eye(dimension)[rng.integers(0, dimension, n)]
    if word == "equal":
        return np.ones((n, dimension))
    if word == "copies":
        return own
    return spread


SHAPES = [
    *("spread", "squeezed 0.1", "squeezed 0.01", "squeezed 1e-3", "squeezed 1e-4", "squeezed 1e-5"),
    *("bimodal 1e-2", "bimodal 1e-4", "strays", "same", "whole", "orthogonal", "equal", "copies"),
]


def both_ways(images: Embedded, monkeypatch: pytest.MonkeyPatch, sample: int) -> tuple[Result, Result]:
    """The exact result, and the streamed one, of which a small part of the images shows where scores lie."""
    asked = context(images, far=FARS, replicates=60)
    exact = all_pairs(asked, AllPairsOptions(probe="x"))
    with monkeypatch.context() as patch:
        patch.setattr(module, "EXACT_PAIRS", 0)
        patch.setattr(streaming, "BLOCK", 128)
        patch.setattr(streaming, "SAMPLE", sample)
        return exact, all_pairs(asked, AllPairsOptions(probe="x"))


def check(exact: Result, streamed: Result, note: str) -> None:
    """Streamed figures lie where the exact ones are, FARs being resolved to 1/512 of themselves (or a few pairs)."""
    pairs = int(exact.scalars["impostor"].value or 0)
    drawn = curve(exact, RocCurve)
    whole = Roc(*(np.array(c, dtype=float) for c in (drawn.threshold, drawn.far, drawn.tar)))
    for name, scalar in exact.scalars.items():
        value, other = scalar.value, streamed.scalars[name].value
        if value is None or name in ("genuine", "impostor", "excluded", "sitters"):
            assert value == other, (note, name)
        elif name.startswith("tar@"):  # the streamed one may stop a bin, so some pairs, before the FAR
            assert other <= value + 1e-9, (note, name)
            far = float(name.partition("@")[2])
            least = tar_at_far(whole, far * (1 - 1 / 128) - 10 / pairs)[0] if len(whole.far) < 400 else value - 0.004
            assert other >= least - 1e-9, (note, name, value, other)
        elif name.startswith("effective_impostor@"):  # from some hundred levels of score
            assert other == pytest.approx(value, rel=0.2), (note, name)
        else:
            assert other == pytest.approx(value, rel=2e-3, abs=5e-4), (note, name)
        if scalar.replicates is not None and value is not None:
            spread = float(np.nanstd(scalar.replicates))
            assert np.nanmean(streamed.scalars[name].replicates) == pytest.approx(
                np.nanmean(scalar.replicates), abs=0.5 * spread + 0.01
            ), (note, name)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dimension", [2, 16, 512])
def test_streamed_and_exact_agree_wherever_cosines_lie(shape, dimension, monkeypatch):
    exact, streamed = both_ways(people(shaped(shape, dimension, 1)), monkeypatch, sample=200)
    check(exact, streamed, f"{shape}, {dimension}")


def test_impostors_squeezed_into_less_than_a_thousandth_have_their_tar(monkeypatch):
    """The very figures of a report: impostor cosines between 0.9996 and 0.99995 gave half of the true TAR."""
    images = people(shaped("squeezed 8e-3", 64, 3))
    exact, streamed = both_ways(images, monkeypatch, sample=300)
    scores = curve(exact, ScoreHistogram)
    left = np.array(scores.score_left)[np.array(scores.impostor) > 0]
    assert 0.9 < left.min() < left.max() < 1
    assert streamed.scalars["tar@0.01"].value == pytest.approx(exact.scalars["tar@0.01"].value, abs=0.004)


def test_scores_from_a_file_are_streamed_too_whatever_their_range(monkeypatch):
    images = people(shaped("spread", 16, 2))
    x = images.vectors / np.linalg.norm(images.vectors, axis=1, keepdims=True)
    cosine = np.triu(x.astype(float) @ x.T.astype(float), 1)
    cosine += cosine.T
    for offset, scale in ((0, 1), (1e9, 1e-2), (-5, 1e-12), (1, 1e3)):
        scores = offset + scale * cosine

        def known(other: Embedded, scores: np.ndarray = scores) -> np.ndarray:
            return scores.copy()

        given_ = Scored(
            "x", images.image_ids, images.sitters, images.origins, [], known, lambda a, b: np.zeros(0), "scores"
        )
        exact, streamed = both_ways(given_, monkeypatch, sample=200)
        check(exact, streamed, f"{offset} + {scale} s")


def test_of_too_many_scores_from_a_file_the_model_is_left_out(monkeypatch):
    monkeypatch.setattr(module, "EXACT_PAIRS", 0)
    monkeypatch.setattr(module, "MOST_GIVEN", 100)
    images = people(shaped("spread", 4, 2))
    given_ = Scored("x", images.image_ids, images.sitters, images.origins, [], None, None, "scores")  # type: ignore[arg-type]
    with pytest.raises(module.Unjudged, match=r"79,800 pairs are too many .*at most 100\)"):
        all_pairs(context(given_), AllPairsOptions(probe="x"))


def test_the_result_does_not_depend_on_the_number_of_threads(monkeypatch):
    images = people(shaped("squeezed 1e-3", 8, 5))
    monkeypatch.setattr(module, "EXACT_PAIRS", 0)
    monkeypatch.setattr(streaming, "BLOCK", 64)
    results = []
    for threads in (1, 3):
        monkeypatch.setattr(streaming, "cores", lambda n=threads: n)
        results.append(all_pairs(context(images), AllPairsOptions(probe="x")))
    for name, scalar in results[0].scalars.items():
        assert results[1].scalars[name].value == scalar.value, name
    assert results[0].examples == results[1].examples


SCORES = st.one_of(
    st.lists(st.floats(-1, 1), min_size=1, max_size=300),
    st.lists(st.floats(1 - 1e-9, 1), min_size=1, max_size=300),
    st.lists(st.sampled_from([-1.0, 0.0, 0.5, 1.0]), min_size=1, max_size=300),
)


@settings(max_examples=60, deadline=None)
@given(SCORES, SCORES)
@example([1 - 3.12126e-11], [1 - 3.12126e-11])  # so near to 1 that a bin's edges may fall together
def test_bins_fitted_to_all_scores_count_them_exactly(genuine, impostor):
    """Where the sample is everything, the operating points that matter are those of the scores themselves."""
    g, i = np.sort(np.array(genuine)), np.sort(np.array(impostor))
    bins = fitted(g, i, -1.0, 1.0)
    assert len(bins) <= MOST
    assert (np.diff(bins.edges) > 0).all()
    counts = [np.bincount(bins.numbers(s.copy()[None])[0], minlength=len(bins)) for s in (g, i)]
    filled = np.flatnonzero(counts[0] + counts[1])[::-1]
    binned = roc(
        dataclasses.replace(
            tally([0.0], [0.0]),
            scores=bins.edges[filled],
            genuine=counts[0][filled] * 1.0,
            impostor=counts[1][filled] * 1.0,
        )
    )
    exact = roc(tally(g, i))
    few = 8 / min(len(g), len(i))  # pairs whose order may be lost in one bin
    assert eer(binned)[0] == pytest.approx(eer(exact)[0], abs=few)
    for far in (0.5, 0.1):
        least = tar_at_far(exact, max(0.0, far - few))[0] - few
        assert least - 1e-9 <= tar_at_far(binned, far)[0] <= tar_at_far(exact, far)[0]


def test_what_single_precision_would_blur_is_not_taken_for_resolved():
    rng = np.random.default_rng(0)
    wide, narrow = np.sort(rng.normal(0, 0.05, 20_000)), np.sort(1 - 1e-5 * rng.random(20_000))
    assert is_resolved(wide[:2000], wide, 2.0**-22, ties=True)
    assert not is_resolved(wide[:2000], narrow, 2.0**-22, ties=True)
    assert not is_resolved(narrow[:2000], wide, 2.0**-22, ties=True)
    tied = np.sort(np.concatenate([wide, np.full(2000, 0.5)]))
    assert not is_resolved(wide[:2000], tied, 2.0**-22, ties=True)
    assert is_resolved(wide[:2000], tied, 2.0**-22)


MANY_SITTERS = """
import resource
import numpy as np
from pipeline.metrics.{module} import {name} as kind
from pipeline.metrics.result import Context, Embedded
from pipeline.params.metrics import METRICS
from pipeline.store.curves import RocCurve, ScoreHistogram
from tests.metrics.curves import curve
rng = np.random.default_rng(0)
def images(dataset, sitters):
    ids = [f"{{dataset}}{{n}}" for n in range(len(sitters))]
    return Embedded(dataset, ids, sitters, ids, rng.normal(size=(len(sitters), 16)).astype(np.float32))
tables = {{"probe": images("probe", [f"s{{n}}" for n in range({probes})]),
          "gallery": images("gallery", [f"s{{n}}" for n in range({gallery})])}}
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
context = Context(lambda dataset, subset: tables[dataset], None, (0.1, 0.01), 200, seed=1)
found = kind(context, METRICS["{name}".replace("_", "-")](probe="probe", gallery="gallery"))
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024, found.units)
"""


@pytest.mark.parametrize(
    ("module_", "name", "units"),
    [
        pytest.param("all_pairs", "all_pairs", 60_000, marks=pytest.mark.slow),
        ("identification", "identification", 10),
    ],
)
def test_few_probes_against_many_sitters_need_little_memory(module_, name, units):
    """10 × 60,000 sitters once asked for an array of 60,000 × 60,000."""
    program = MANY_SITTERS.format(module=module_, name=name, probes=10, gallery=60_000)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    mebibytes, found = done.stdout.split()
    assert int(mebibytes) < 700
    assert int(found) == units
