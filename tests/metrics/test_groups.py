"""Error rates by group at one common threshold."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from pipeline.core.errors import SitterError
from pipeline.core.numbers import unit
from pipeline.metrics import all_pairs as module
from pipeline.metrics import groups as grouping
from pipeline.metrics.all_pairs import all_pairs
from pipeline.metrics.result import Embedded, Result
from pipeline.params.metrics.all_pairs import AllPairsOptions
from tests.metrics.simulated import context, embedded

PHOTOGRAPHS = embedded("photos", 24, 4, seed=1, noise=0.9)
PAINTINGS = embedded("paintings", 24, 4, seed=2, noise=1.0, origins="photos")
ARTISTS = ("Hals", "Lely", "unknown", "Ricci")


def artist(image_id: str) -> str:
    """Two thirds of a sitter's images are by one artist."""
    sitter, number = image_id.removesuffix("~0").removeprefix("s").split("/")
    return ARTISTS[(int(sitter) + (int(number) == 3)) % 4]


def column(dataset: str, name: str) -> dict[str, str]:
    if name != "artist":
        raise SitterError(f"{dataset} has no column {name!r}")
    return {i: artist(i) for i in (*PHOTOGRAPHS.image_ids, *PAINTINGS.image_ids)}


def brute(probe: Embedded, gallery: Embedded | None, threshold: float) -> dict[str, list[list[bool]]]:
    """Whether each genuine pair of a group is rejected, and each impostor pair accepted, pair by pair."""
    other = gallery or probe
    p, g = unit(probe.vectors), unit(other.vectors)
    found: dict[str, list[list[bool]]] = {}
    for i in range(len(probe)):
        for j in range(0 if gallery else i + 1, len(other)):
            one, two = artist(probe.image_ids[i]), artist(other.image_ids[j])
            if probe.origins[i] == other.origins[j] or "unknown" in (one, two):
                continue
            hit, genuine = float(p[i] @ g[j]) >= threshold - 1e-11, probe.sitters[i] == other.sitters[j]
            for name in [one, "same"] if one == two else ["different"]:
                found.setdefault(name, [[], []])[not genuine].append(hit != genuine)
    return found


def columns(found: Result) -> dict[str, list[Any]]:
    """Return the errors by group as columns."""
    return {name: [vars(errors)[name] for errors in found.groups] for name in vars(found.groups[0])}


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("gallery", [None, PHOTOGRAPHS])
def test_rates_are_those_of_each_groups_pairs(gallery, streamed, monkeypatch) -> None:
    if streamed:
        monkeypatch.setattr(module, "EXACT_PAIRS", 0)
        monkeypatch.setattr(grouping, "MOST_SITTERS", 5)
        monkeypatch.setattr(grouping, "GROUPS", 10)
    probe = PAINTINGS if gallery else PHOTOGRAPHS
    given = dataclasses.replace(context(PAINTINGS, PHOTOGRAPHS, far=(0.1,)), column=column)
    found = all_pairs(given, AllPairsOptions(probe=probe.dataset, gallery=gallery and "photos", groups=("artist",)))
    table = columns(found)
    expected = brute(probe, gallery, table["threshold"][0])
    assert table["group"] == ["Hals", "Lely", "Ricci", "same", "different"]
    for n, name in enumerate(table["group"]):
        genuine, impostor = expected[name]
        assert (table["genuine"][n], table["impostor"][n]) == (len(genuine), len(impostor))
        assert table["fnmr"][n] == pytest.approx(np.mean(genuine))
        assert table["fmr"][n] == pytest.approx(np.mean(impostor))
        assert table["fmr_low"][n] < table["fmr"][n] < table["fmr_high"][n]
    at = table["group"].index("same")
    assert table["fmr_difference"][at] == pytest.approx(
        np.mean(expected["same"][1]) - np.mean(expected["different"][1])
    )
    others = [x for name in ("Lely", "Ricci") for x in expected[name][1]]
    assert table["fmr_difference"][0] == pytest.approx(np.mean(expected["Hals"][1]) - np.mean(others))
    assert table["fmr_p"][-1] is None


def test_a_group_that_a_model_errs_on_is_found_and_one_of_few_sitters_is_said() -> None:
    """The images of one painter have a common part in their vectors, so that his sitters look alike."""
    by = [artist(i) for i in PHOTOGRAPHS.image_ids]
    vectors = PHOTOGRAPHS.vectors + 6 * np.array([b == "Hals" for b in by])[:, None] * np.ones(16, np.float32) / 4
    images = dataclasses.replace(PHOTOGRAPHS, vectors=vectors.astype(np.float32))

    def rare(dataset: str, name: str) -> dict[str, str]:
        return {i: "Rare" if i.startswith(("s3/", "s7/")) else by[n] for n, i in enumerate(images.image_ids)}

    given = dataclasses.replace(context(images, far=(0.1,), replicates=500), column=rare)
    table = columns(all_pairs(given, AllPairsOptions(probe="photos", groups=("artist",))))
    rows = {name: {c: values[n] for c, values in table.items()} for n, name in enumerate(table["group"])}
    assert rows["Hals"]["fmr_significant"] == 1
    assert rows["Hals"]["fmr_difference"] > 0
    assert rows["Hals"]["fmr_difference_low"] > 0
    assert rows["Rare"]["fmr_low"] is None
    assert "too few sitters" in rows["Rare"]["note"]
    assert rows["Rare"]["fmr_p"] is None


def test_a_column_that_is_not_there_is_told() -> None:
    given = dataclasses.replace(context(PHOTOGRAPHS), column=column)
    with pytest.raises(SitterError, match="photos has no column 'medium'"):
        all_pairs(given, AllPairsOptions(probe="photos", groups=("medium",)))


@pytest.mark.slow
def test_without_differences_groups_are_seldom_told_apart() -> None:
    """All tests of a column are one family: in 100 true nulls, about 5 with any significant difference."""
    wrong = 0
    for seed in range(100):
        images = dataclasses.replace(PHOTOGRAPHS, vectors=_fresh(seed))
        given = dataclasses.replace(context(images, far=(0.1,)), column=column)
        table = columns(all_pairs(given, AllPairsOptions(probe="photos", groups=("artist",))))
        wrong += any(table["fmr_significant"]) or any(table["fnmr_significant"])
    assert wrong <= 12


def _fresh(seed: int) -> np.ndarray:
    """Vectors of other sitters each time."""
    rng = np.random.default_rng([seed, 9])
    return (rng.normal(size=(24, 1, 16)) + 0.9 * rng.normal(size=(24, 4, 16))).reshape(96, 16).astype(np.float32)
