"""The probe finds what the embeddings carry beside the sitter, and never the sitter itself."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipeline.core.errors import SitterError
from pipeline.core.nobody import nobody
from pipeline.metrics.linear_probe import linear_probe
from pipeline.metrics.result import Context, Embedded
from pipeline.params.metrics.linear_probe import LinearProbeOptions
from pipeline.store.curves import RecallTable
from tests.metrics.curves import curve
from tests.metrics.simulated import context

STYLES = ("oil", "chalk", "fresco")


def asked(column: str, folds: int = 10) -> LinearProbeOptions:
    return LinearProbeOptions(dataset="art", predict=column, folds=folds)


def painted(style_strength: float, sitters: int = 30, images: int = 6, own_style: bool = False) -> tuple[Context, dict]:
    """Sitters far apart in 24 dimensions; a style moves an image along one of three directions."""
    rng = np.random.default_rng(1)
    people = rng.normal(size=(sitters, 24)) * 3
    ways = np.eye(3, 24) * style_strength
    vectors, names, ids, styles = [], [], [], {}
    for s in range(sitters):
        for i in range(images):
            style = s % 3 if own_style else int(rng.integers(3))
            vectors.append(people[s] + ways[style] + rng.normal(size=24) * 0.3)
            names.append(f"s{s}")
            ids.append(f"s{s}/{i}")
            styles[ids[-1]] = STYLES[style]
    embedded = Embedded("art", ids, names, [f"art:{i}" for i in ids], np.array(vectors, np.float32))
    columns = {"style": styles, "year": {i: "1516.0" if styles[i] == "oil" else "1601" for i in ids}}

    def column(dataset: str, name: str) -> dict[str, str]:
        if name not in columns:
            raise SitterError(f"no column {name!r}")
        return columns[name]

    return replace(context(embedded), column=column), styles


def test_a_style_that_shows_is_found_and_a_hidden_one_is_at_chance():
    shows, _ = painted(12.0)
    found = linear_probe(shows, asked("style", folds=5))
    value = found.scalars["balanced_accuracy"]
    assert value.value > 0.9
    assert found.scalars["chance"].value == pytest.approx(1 / 3)
    low, high = np.quantile(value.replicates, [0.025, 0.975])
    assert low <= value.value <= high
    assert found.units == 30
    hidden = linear_probe(painted(0.0)[0], asked("style", folds=5)).scalars["balanced_accuracy"]
    low, high = np.quantile(hidden.replicates, [0.005, 0.995])
    assert low < 1 / 3 < high


def test_the_sitter_cannot_be_used_to_tell_the_artist():
    """Each sitter has one artist and nothing else tells artists apart: who knows the sitters would be always right."""
    only_by_sitter, styles = painted(0.0, own_style=True)
    images = only_by_sitter.embedded("art", "test")
    x, labels = images.vectors.astype(float), np.array([styles[i] for i in images.image_ids])
    nearest = ((x[:, None] - x[None]) ** 2).sum(2) + np.diag([np.inf] * len(x))
    assert (labels[nearest.argmin(1)] == labels).all()  # without the rule, it is easy
    found = linear_probe(only_by_sitter, asked("style", folds=5)).scalars["balanced_accuracy"].value
    assert found < 0.55


def test_figures_are_those_of_the_nearest_mean_in_whitened_space():
    """With equal priors and one covariance, the linear discriminant is the nearest class mean by Mahalanobis."""
    from sklearn.covariance import LedoitWolf
    from sklearn.metrics import balanced_accuracy_score, recall_score
    from sklearn.model_selection import StratifiedGroupKFold
    from sklearn.neighbors import NearestCentroid

    shows, styles = painted(1.5)
    images = shows.embedded("art", "test")
    x = images.vectors.astype(float)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    y = np.array([styles[i] for i in images.image_ids])
    groups, said = np.unique(images.sitters, return_inverse=True)[1], np.empty_like(y)
    for learned, tested in StratifiedGroupKFold(5, shuffle=True, random_state=shows.seed).split(x, y, groups):
        own = {style: x[learned][y[learned] == style].mean(0) for style in STYLES}
        residuals = x[learned] - np.array([own[style] for style in y[learned]])
        precision = LedoitWolf(assume_centered=True).fit(residuals).precision_
        whitened = x @ np.linalg.cholesky(precision)
        said[tested] = NearestCentroid().fit(whitened[learned], y[learned]).predict(whitened[tested])
    found = linear_probe(shows, asked("style", folds=5))
    assert 0.4 < balanced_accuracy_score(y, said) < 0.95
    assert found.scalars["balanced_accuracy"].value == pytest.approx(balanced_accuracy_score(y, said))
    assert found.scalars["accuracy"].value == pytest.approx((said == y).mean())
    assert found.scalars["most_frequent"].value == pytest.approx(max((y == s).mean() for s in STYLES))
    recall = dict(zip(curve(found, RecallTable).value, curve(found, RecallTable).recall, strict=True))
    expected = recall_score(y, said, labels=sorted(STYLES), average=None)
    assert [recall[s] for s in sorted(STYLES)] == pytest.approx(expected)


def test_the_century_is_taken_from_the_year():
    shows, _ = painted(12.0)
    found = linear_probe(shows, asked("century", folds=5)).scalars
    assert found["classes"].value == 2
    assert found["balanced_accuracy"].value > 0.9
    with pytest.raises(SitterError, match="century is taken from the column 'year'"):
        linear_probe(context(shows.embedded("art", "test")), asked("century"))


def test_values_of_one_sitter_and_images_without_a_value_are_left_out_and_counted():
    shows, styles = painted(12.0)
    values = dict(styles)
    for i in range(6):
        values[f"s0/{i}"], values[f"s1/{i}"] = "unique", ""
    other = replace(shows, column=lambda dataset, name: values)
    found = linear_probe(other, asked("artist")).scalars
    assert (found["classes"].value, found["left_out"].value, found["images"].value) == (3, 12, 168)
    nothing = linear_probe(replace(shows, column=lambda d, n: dict.fromkeys(styles, "oil")), asked("x"))
    assert nothing.scalars["balanced_accuracy"].value is None
    assert "nothing to tell apart" in nothing.scalars["balanced_accuracy"].note


def test_spellings_of_one_value_are_one_class_under_the_commonest() -> None:
    shows, styles = painted(12.0)
    rng = np.random.default_rng(2)
    spelled = {i: str(rng.choice([s, s, s, s.upper(), f" {s}_"])) for i, s in styles.items()}
    plain, other = (linear_probe(replace(shows, column=lambda d, n, v=v: v), asked("style"))
                    for v in (styles, spelled))  # fmt: skip
    assert curve(other, RecallTable).value == curve(plain, RecallTable).value == sorted(STYLES)
    assert other.scalars["balanced_accuracy"].value == plain.scalars["balanced_accuracy"].value


def test_words_for_nobody_and_cells_of_several_artists_are_no_class() -> None:
    shows, styles = painted(12.0)
    words = ("Unknown", "unknown artist", "?", "Anonymous", "oil|chalk", "oil and fresco")
    values = {i: words[n] if n < len(words) else s for n, (i, s) in enumerate(styles.items())}
    values |= {i: f"{s} and workshop" for i, s in list(styles.items())[6:12]}
    found = linear_probe(replace(shows, column=lambda d, n: values), asked("artist"))
    assert curve(found, RecallTable).value == sorted(STYLES)
    assert found.scalars["left_out"].value == len(words)
    oils = {i: "oil and chalk" if s == "oil" else s for i, s in styles.items()}  # of a medium, that is one
    medium = linear_probe(replace(shows, column=lambda d, n: oils), asked("medium"))
    assert curve(medium, RecallTable).value == ["chalk", "fresco", "oil and chalk"]


def test_the_study_says_what_else_names_nobody() -> None:
    shows, styles = painted(12.0)
    other = replace(shows, column=lambda d, n: styles, is_nobody=nobody(also=["chalk"]))
    assert curve(linear_probe(other, asked("style")), RecallTable).value == [
        "fresco",
        "oil",
    ]


def test_two_runs_give_the_same_figures():
    one, other = (linear_probe(painted(4.0)[0], asked("style")).scalars for _ in range(2))
    assert one["balanced_accuracy"].value == other["balanced_accuracy"].value
